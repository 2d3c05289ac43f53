"""What every page's shell needs: the counts in the side bar, the theme. Lazy, so that a page that stands alone asks nothing."""

from __future__ import annotations

import json
from functools import cached_property
from typing import Any

from django.conf import settings
from django.core.cache import cache
from django.http import HttpRequest

from guests import selectors as guests
from hosts.models import Host
from jobs import selectors as jobs
from jobs.models import JobState
from tenants.actor import Actor

THEMES = ("dark", "light")
HOSTS_FOR_S = 5
UNDER_WAY = (JobState.QUEUED, JobState.RUNNING, JobState.CANCELLING)
HTMX_CONFIG = json.dumps(
    {
        "includeIndicatorStyles": False,
        "allowEval": False,
        "allowScriptTags": False,
        "historyCacheSize": 0,
        "refreshOnHistoryMiss": True,
        # Without "style", which htmx would set as an attribute and the content security policy would refuse.
        "attributesToSettle": ["class"],
        "responseHandling": [
            {"code": "204", "swap": False},
            {"code": "[23]..", "swap": True},
            {"code": "422", "swap": True},
            {"code": "[45]..", "swap": False, "error": True},
        ],
    }
)


class Shell:
    """One per request; each value is one query, asked when a template names it."""

    def __init__(self, actor: Actor) -> None:
        self.actor = actor

    @property
    def sees_hosts(self) -> bool:
        return self.actor.sees_everything

    @cached_property
    def summary(self) -> dict[str, Any]:
        return guests.guest_summary(self.actor)

    @cached_property
    def guests(self) -> int:
        counted = self.__dict__.get("summary")
        return counted["total"] if counted else guests.guest_list(self.actor).count()

    @cached_property
    def hosts(self) -> int:
        # The same number for all who see hosts; a list page has no query to spare for it.
        return cache.get_or_set("shell.hosts", lambda: Host.objects.visible_to(self.actor).count(), HOSTS_FOR_S) or 0

    @cached_property
    def running_jobs(self) -> int:
        return jobs.job_list(self.actor, states=UNDER_WAY).count()


def shell_of(request: HttpRequest) -> Shell:
    """The same Shell for the view and for the template, so that neither asks twice."""
    found: Shell | None = getattr(request, "_shell", None)
    if found is None:
        found = request._shell = Shell(request.actor)  # type: ignore[attr-defined]
    return found


def shell(request: HttpRequest) -> dict[str, Any]:
    theme = request.COOKIES.get("theme", "")
    return {
        "product_name": settings.SITE_NAME,
        "theme": theme if theme in THEMES else "",
        "htmx_config": HTMX_CONFIG,
        "shell": shell_of(request) if hasattr(request, "actor") else None,
    }
