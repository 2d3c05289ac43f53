"""REST: the audit trail. Verifying the chain reads all of it, so that is `manage.py verify_audit` and no request."""

from __future__ import annotations

from typing import Any

from drf_spectacular.types import OpenApiTypes

from kvmweb.rest.pagination import keyset_page
from kvmweb.rest.schema import page_of
from kvmweb.rest.views import ApiView, endpoint
from tenants.audit import reading, serializers
from tenants.audit.export import download
from tenants.audit.lines import flat_payload


class AuditView(ApiView):
    @endpoint("list_audit", query=serializers.AuditQuery, answer=page_of(serializers.AuditShape))
    def get(self) -> Any:
        """Who did what, or was refused it: newest first."""
        rows = reading.entries(self.actor, serializers.filter_from(self.query))
        rows = rows.order_by(*serializers.AUDIT_ORDERINGS[self.query["ordering"]])
        page = keyset_page(rows, self.request, self.query)
        return page.answer([reading.audit_payload(self.actor, row) for row in page.rows])


class AuditEntryView(ApiView):
    def find(self, *, entry_id: int) -> Any:
        return reading.entry_for(self.actor, entry_id)

    @endpoint("get_audit_entry", answer=serializers.AuditEntryShape)
    def get(self) -> Any:
        """One entry, with its place in the chain."""
        return flat_payload(self.actor, self.row)


class ExportView(ApiView):
    def perform_content_negotiation(self, request: Any, force: bool = False) -> Any:
        """The query says which format; a client that asks for text/csv is not refused for it."""
        return super().perform_content_negotiation(request, force=True)

    @endpoint(
        "export_audit",
        query=serializers.ExportQuery,
        answer={(200, "text/csv"): OpenApiTypes.STR, (200, "application/x-ndjson"): OpenApiTypes.STR},
    )
    def get(self) -> Any:
        """The trail as CSV or as JSON lines, streamed; the download is recorded."""
        return download(self.actor, serializers.filter_from(self.query), self.query["kind"])
