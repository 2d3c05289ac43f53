"""Is it alive, is it ready, and numbers for Prometheus. For load balancers and supervisors, so without sessions and templates.

`/metrics` counts everything, so it is for this machine, and for tokens of people who may see everything.
"""

from __future__ import annotations

from collections.abc import Iterator

from django.conf import settings
from django.db import DatabaseError, connection
from django.db.models import Count, QuerySet
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from rest_framework.exceptions import APIException
from rest_framework.request import Request

from guests.models import Guest, GuestState
from hosts.models import Host, HostState
from jobs.models import Job, JobState
from kvmweb import heartbeat
from tenants.actor import actor_for, system_actor
from tenants.authentication import ScopedTokenAuthentication
from tenants.middleware import address_of

LOOPBACK = ("127.0.0.1", "::1")


@require_safe
@never_cache
def healthz(request: HttpRequest) -> HttpResponse:
    """This process answers; nothing else is looked at."""
    return JsonResponse({"status": "ok"})


@require_safe
@never_cache
def readyz(request: HttpRequest) -> HttpResponse:
    """503 with what is missing, until everything a person needs is there."""
    parts = {"database": database_state(), **process_states()}
    is_ready = all(state == "ok" for state in parts.values())
    return JsonResponse({"status": "ready" if is_ready else "not ready", "parts": parts}, status=200 if is_ready else 503)


def database_state() -> str:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError:
        return "does not answer"
    return "ok"


def process_states() -> dict[str, str]:
    seen = heartbeat.seen()
    if seen is None:
        return {"redis": "does not answer", **dict.fromkeys(("worker", "watcher"), "not known without redis")}
    missing = f"not seen for {heartbeat.LIFETIME_S} s"
    return {"redis": "ok", **{part: "ok" if seen[part] else missing for part in ("worker", "watcher")}}


@require_safe
@never_cache
def metrics(request: HttpRequest) -> HttpResponse:
    if not may_read_metrics(request):
        text = "Read this from the machine itself, or send the token of someone who may see everything: Authorization: Token <key>.\n"
        return HttpResponse(text, status=401, content_type="text/plain", headers={"WWW-Authenticate": "Token"})
    return HttpResponse("\n".join(metric_lines()) + "\n", content_type="text/plain; version=0.0.4; charset=utf-8")


def may_read_metrics(request: HttpRequest) -> bool:
    # A proxy on this machine also comes from loopback, on behalf of anybody.
    if address_of(request) in LOOPBACK and "X-Forwarded-For" not in request.headers:
        return True
    try:
        found = ScopedTokenAuthentication().authenticate(Request(request))
    except APIException:
        return False
    return found is not None and actor_for(found[0], only_tenant=found[1].tenant_id).sees_everything


def metric_lines() -> Iterator[str]:
    actor = system_actor("metrics")
    yield from by_state("kvmweb_guests", "Guests by state.", Guest.objects.visible_to(actor), GuestState.values)
    yield from by_state("kvmweb_hosts", "Hosts by state.", Host.objects.visible_to(actor), HostState.values)
    yield from by_state(
        "kvmweb_jobs", "Jobs by state, finished ones as long as they are kept.", Job.objects.visible_to(actor), JobState.values
    )
    yield from gauge(
        "kvmweb_guests_missing", "Guests that their host does not list.", Guest.objects.visible_to(actor).filter(is_missing=True).count()
    )
    seen = heartbeat.seen()
    yield from gauge("kvmweb_redis_up", "Does redis answer.", int(seen is not None))
    yield from head("kvmweb_process_seen", f"Was a process of this kind seen in the last {heartbeat.LIFETIME_S} s.")
    yield from (f'kvmweb_process_seen{{process="{part}"}} {int(bool(seen and seen[part]))}' for part in heartbeat.PARTS)
    length = heartbeat.queue_length(settings.CELERY_TASK_DEFAULT_QUEUE)
    if length is not None:
        yield from gauge("kvmweb_queue_length", "Tasks that no worker has taken yet.", length)


def by_state(name: str, help_text: str, rows: QuerySet, states: list[str]) -> Iterator[str]:
    counts = dict(rows.order_by().values_list("state").annotate(n=Count("pk")))
    yield from head(name, help_text)
    yield from (f'{name}{{state="{state}"}} {counts.get(state, 0)}' for state in states)


def gauge(name: str, help_text: str, value: int) -> Iterator[str]:
    yield from head(name, help_text)
    yield f"{name} {value}"


def head(name: str, help_text: str) -> Iterator[str]:
    yield f"# HELP {name} {help_text}"
    yield f"# TYPE {name} gauge"
