"""The pages of the trail: the list with its filters, one entry, and the download."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.views.decorators.http import require_safe

from kvmweb.errors import InvalidInput
from kvmweb.paging import Page, page_of
from kvmweb.requests import PageRequest, is_fragment
from tenants import selectors
from tenants.actor import Actor
from tenants.audit import anchors, chain, reading
from tenants.audit.export import download
from tenants.audit.filters import NOUNS, PERIODS, chips_of, filter_of
from tenants.audit.forward import courier
from tenants.audit.lines import WRITERS
from tenants.models import AuditEntry

OUTCOMES = (("", "All"), *AuditEntry.Outcome.choices)
PAGES_OF = {"guest": "/guests/{}/", "host": "/hosts/{}/", "job": "/jobs/{}/", "tenant": "/tenants/{}/"}


@login_required
@require_safe
def trail(request: PageRequest) -> HttpResponse:
    wanted = filter_of(request.GET.dict())
    page: Page[AuditEntry] = page_of(reading.entries(request.actor, wanted), request.GET.get("page", ""))
    tenants = _tenant_names(request.actor, page.rows, wanted.tenant)
    context = {
        "page": page,
        "rows": [_line(request.actor, entry, tenants) for entry in page.rows],
        "wanted": wanted,
        "outcomes": OUTCOMES,
        "periods": [(key, label) for key, (label, _) in PERIODS.items()],
        "nouns": NOUNS,
        "chips": chips_of(request.GET, tenants),
        "is_filtered": bool(request.GET.dict().keys() - {"page"}),
        "sees_addresses": request.actor.sees_everything or "owner" in request.actor.roles.values(),
        "query": _without(request, "page"),
    }
    if is_fragment(request):
        return render(request, "audit/_list.html", context)
    return render(request, "audit/trail.html", context | _state(request.actor))


@login_required
@require_safe
def entry(request: PageRequest, entry_id: int) -> HttpResponse:
    row = reading.entry_for(request.actor, entry_id)
    related = list(reading.related_to(request.actor, row)[:50])
    tenants = _tenant_names(request.actor, [row, *related], "")
    line = _line(request.actor, row, tenants)
    details = line["details"]
    context = {
        "entry": line,
        "changes": changes_of(details),
        "details": [(name.replace("_", " ").capitalize(), value) for name, value in details.items() if name != "changes"],
        "related": [_line(request.actor, other, tenants) for other in related],
        "link": getattr(row, "link", None) if request.actor.sees_everything else None,
    }
    return render(request, "audit/entry.html", context)


@login_required
@require_safe
def export(request: PageRequest) -> HttpResponseBase:
    kind = request.GET.get("kind", "csv")
    if kind not in WRITERS:
        raise InvalidInput(fields={"kind": f"Choose {' or '.join(WRITERS)}."})
    return download(request.actor, filter_of(request.GET.dict()), kind)


def changes_of(details: Any) -> list[dict[str, Any]]:
    """{"field", "before", "after"}; a secret that was changed has neither."""
    changes = details.get("changes") if isinstance(details, dict) else None
    if not isinstance(changes, dict):
        return []
    lines = []
    for name, value in changes.items():
        is_pair = isinstance(value, list) and len(value) == 2
        lines.append({"field": name, "is_hidden": not is_pair, "before": value[0] if is_pair else "", "after": value[1] if is_pair else ""})
    return lines


def _line(actor: Actor, row: AuditEntry, tenants: dict[str, str]) -> dict[str, Any]:
    payload = reading.audit_payload(actor, row)
    url = PAGES_OF.get(row.target_type, "").format(row.target_id) if row.target_id else ""
    changes = changes_of(payload["details"])
    return {
        **payload,
        "href": f"/audit/{row.pk}/",
        "words": words_of(row.operation),
        "tenant": tenants.get(str(row.tenant_id), ""),
        "url": url if row.target_type != "host" or actor.sees_everything else "",
        "summary": payload["message"] or ", ".join(change["field"] for change in changes),
    }


def words_of(operation: str) -> str:
    """Short, for a line of the table: guest.force_off is "Force off", guest.start "Start guest"."""
    noun, _, verb = operation.partition(".")
    plain = f"{verb} {noun}" if verb and "_" not in verb else verb or noun
    return _WORDS.get(operation) or plain.replace("_", " ").capitalize()


_WORDS = {
    "login": "Log in",
    "logout": "Log out",
    "console.connect": "Console opened",
    "console.disconnect": "Console closed",
    "console.open": "Ask for a console",
    "console.view": "Ask to watch a console",
    "admin.add": "Admin site: add",
    "admin.change": "Admin site: change",
    "admin.delete": "Admin site: delete",
    "audit.export": "Export this trail",
    "audit.archive": "Archive this trail",
    "token.use": "Use an API token",
    "job.failed": "Job failed",
    "job.cancelled": "Job cancelled",
    "job.needs_attention": "Job needs attention",
}


def _tenant_names(actor: Actor, rows: Iterable[AuditEntry], wanted: str) -> dict[str, str]:
    ids = {tenant_id for tenant_id in (*(row.tenant_id for row in rows), reading.as_uuid(wanted)) if tenant_id}
    if not ids:
        return {}
    return {str(pk): name for pk, name in selectors.tenant_list(actor).filter(pk__in=ids).values_list("pk", "name")}


def _without(request: PageRequest, *names: str) -> str:
    query = request.GET.copy()
    for name in names:
        query.pop(name, None)
    return query.urlencode()


def _state(actor: Actor) -> dict[str, Any]:
    """For those who answer for the trail: where its chain stands, and whether it is sent on."""
    if not actor.sees_everything:
        return {}
    return {"head": chain.head(), "anchor": anchors.last(), "receivers": courier.states() if actor.is_admin else []}
