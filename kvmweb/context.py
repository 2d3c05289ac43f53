"""What every page's shell needs: the counts in the side bar, the theme. Lazy, so that a page that stands alone asks nothing."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cached_property
from typing import Any
from uuid import UUID

from django.conf import settings
from django.core.cache import cache
from django.http import HttpRequest

from guests import selectors as guests
from guests.selectors import GuestFilter
from hosts.models import Host
from jobs import selectors as jobs
from jobs.models import JobState
from tenants.actor import Actor
from tenants.policy import why_not_anywhere
from tenants.selectors import tenant_list
from tenants.sessions import CHOSEN, chosen_tenant, tenant_in_url

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

    def __init__(self, actor: Actor, *, tenant_id: UUID | None = None, chosen: Mapping[str, str] | None = None) -> None:
        """`tenant_id`: of the page's URL, else the one chosen in the header, which is `chosen`: {"id", "name"}."""
        self.actor = actor
        self.tenant_id = tenant_id
        self.chosen = chosen

    @property
    def why_not_create(self) -> str:
        """For the New VM buttons."""
        return why_not_anywhere(self.actor, "guest.create")

    @property
    def why_not_bulk(self) -> str:
        """For the bar under selected guests; each guest answers for itself where somebody may something somewhere."""
        return why_not_anywhere(self.actor, "guest.bulk")

    @property
    def own_tenant(self) -> UUID | None:
        """Of somebody who belongs to one and sees no other: its page is "my tenant"."""
        return next(iter(self.actor.names)) if len(self.actor.names) == 1 and not self.actor.sees_everything else None

    @cached_property
    def tenant_name(self) -> str:
        """Of `tenant_id`, for the chip that says what a list shows."""
        if self.tenant_id is None or self.tenant_id in self.actor.names:
            return self.actor.names[self.tenant_id] if self.tenant_id else ""
        return tenant_list(self.actor).filter(pk=self.tenant_id).values_list("name", flat=True).first() or "Unknown tenant"

    @property
    def can_choose(self) -> bool:
        return not self.actor.viewing_as and (len(self.actor.names) > 1 or self.actor.sees_everything)

    @property
    def sees_hosts(self) -> bool:
        return self.actor.sees_everything

    @cached_property
    def summary(self) -> dict[str, Any]:
        return guests.guest_summary(self.actor, tenant_id=self.tenant_id)

    @cached_property
    def guests(self) -> int:
        counted = self.__dict__.get("summary")
        if counted:
            return int(counted["total"])
        return guests.guest_list(self.actor, GuestFilter(tenant=str(self.tenant_id or ""))).count()

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
        found = request._shell = _shell(request)  # type: ignore[attr-defined]
    return found


def _shell(request: HttpRequest) -> Shell:
    actor: Actor = request.actor  # type: ignore[attr-defined]
    if not actor:
        return Shell(actor)
    chosen_id = chosen_tenant(request)
    in_url = "tenant" in request.GET
    return Shell(
        actor,
        tenant_id=tenant_in_url(request) if in_url else chosen_id,
        chosen={"id": str(chosen_id), "name": actor.names.get(chosen_id) or request.session[CHOSEN]["name"]} if chosen_id else None,
    )


def shell(request: HttpRequest) -> dict[str, Any]:
    theme = request.COOKIES.get("theme", "")
    return {
        "product_name": settings.SITE_NAME,
        "theme": theme if theme in THEMES else "",
        "htmx_config": HTMX_CONFIG,
        "shell": shell_of(request) if hasattr(request, "actor") else None,
    }
