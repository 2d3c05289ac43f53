"""A download of the trail, for the page and for REST: streamed, so that a million entries take no more memory than a hundred."""

from __future__ import annotations

from django.http import StreamingHttpResponse
from django.utils import timezone

from tenants import audit
from tenants.actor import Actor
from tenants.audit import reading
from tenants.audit.filters import as_details
from tenants.audit.lines import WRITERS, export
from tenants.models import AuditEntry


def download(actor: Actor, wanted: reading.AuditFilter, kind: str) -> StreamingHttpResponse:
    """Recorded before the first byte. What happens after that moment is not in it, so it ends however busy the trail is."""
    audit.record(actor, "audit.export", AuditEntry.Outcome.DONE, details={"kind": kind, "filter": as_details(wanted)})
    now = timezone.now()
    rows = reading.entries(actor, wanted).filter(at__lte=now)
    response = StreamingHttpResponse(export(actor, reading.in_batches(rows), kind), content_type=WRITERS[kind][0])
    response["Content-Disposition"] = f'attachment; filename="audit-{now:%Y%m%d-%H%M%S}.{kind}"'
    response["Cache-Control"] = "no-store"
    return response
