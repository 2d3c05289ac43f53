"""REST: limits and usage of a tenant, the installation's defaults, and requests for more."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from rest_framework.response import Response

from kvmweb.errors import NotFound
from kvmweb.rest.pagination import keyset_page
from kvmweb.rest.rows import named_tenant
from kvmweb.rest.schema import page_of
from kvmweb.rest.views import ApiView, endpoint
from tenants.models import Quota, QuotaDefault, QuotaRequest, Tenant
from tenants.quota import meters, payload, serializers
from tenants.selectors import tenant_for
from tenants.services import quota_requests, quotas


class OfTenant(ApiView):
    row: Tenant

    def find(self, *, tenant_id: UUID) -> Tenant:
        return tenant_for(self.actor, tenant_id)


class QuotaView(OfTenant):
    @endpoint("get_quota", answer=serializers.QuotaShape)
    def get(self) -> Any:
        """Limits of a tenant; null is no limit."""
        return payload.quota_payload(meters.meters_of(self.row))

    @endpoint("set_quota", body=serializers.SetQuota, answer=serializers.QuotaShape, operation="tenant.set_quota")
    def put(self) -> Any:
        """Set limits; those not sent stay."""
        limits = {name: limit for name, limit in self.body.items() if name != "reason"}
        quotas.set_quota(self.actor, self.row, limits, reason=self.body["reason"])
        return payload.quota_payload(meters.meters_of(self.row))


class QuotaHistoryView(OfTenant):
    @endpoint("list_quota_changes", query=serializers.ChangeQuery, answer=page_of(serializers.QuotaChangeShape))
    def get(self) -> Any:
        """Who changed the tenant's limits when, from what to what, and why: newest first."""
        rows = meters.changes_of(self.row).order_by(*serializers.CHANGE_ORDERINGS[self.query["ordering"]])
        page = keyset_page(rows, self.request, self.query)
        return page.answer([payload.change_payload(row) for row in page.rows])


class UsageView(OfTenant):
    @endpoint("get_usage", answer=serializers.UsageShape)
    def get(self) -> Any:
        """What a tenant uses of its limits."""
        return payload.usage_payload(meters.meters_of(self.row))


class DefaultQuotaView(ApiView):
    @endpoint("get_default_quota", answer=serializers.LimitsShape)
    def get(self) -> Any:
        """Limits of tenants that have none of their own; null is no limit. For system roles."""
        if not self.actor.sees_everything:
            raise NotFound
        return _limits(QuotaDefault.objects.first())

    @endpoint("set_default_quota", body=serializers.SetDefaultQuota, answer=serializers.LimitsShape, operation="quota_default.change")
    def put(self) -> Any:
        """Set default limits; those not sent stay."""
        limits = {name: limit for name, limit in self.body.items() if name != "reason"}
        return _limits(quotas.set_default_quota(self.actor, None, limits, reason=self.body["reason"]))


def _limits(default: QuotaDefault | None) -> dict[str, int | None]:
    return {name: getattr(default, name, None) for name in Quota.RESOURCES}


class QuotaRequestsView(ApiView):
    @endpoint("list_quota_requests", query=serializers.RequestQuery, answer=page_of(serializers.QuotaRequestShape))
    def get(self) -> Any:
        """Requests for larger limits of the tenants one belongs to."""
        rows = meters.quota_request_list(self.actor, state=self.query.get("state", ""))
        if "tenant" in self.query:
            rows = rows.filter(tenant_id=self.query["tenant"])
        page = keyset_page(rows.order_by(*serializers.REQUEST_ORDERINGS[self.query["ordering"]]), self.request, self.query)
        return page.answer([payload.request_payload(row) for row in page.rows])

    @endpoint("create_quota_request", body=serializers.AskForMore, answer={201: serializers.QuotaRequestShape})
    def post(self) -> Any:
        """Ask for larger limits, as an owner. A tenant has one open request at a time."""
        tenant = named_tenant(self.actor, self.body["tenant"], "quota_request.create")
        limits = {name: self.body[name] for name in Quota.RESOURCES if name in self.body}
        made = quota_requests.create_quota_request(self.actor, tenant, limits, reason=self.body["reason"])
        return Response(payload.request_payload(made), status=201)


class QuotaRequestBase(ApiView):
    row: QuotaRequest

    def find(self, *, request_id: UUID) -> QuotaRequest:
        return meters.quota_request_for(self.actor, request_id)


class QuotaRequestView(QuotaRequestBase):
    @endpoint("get_quota_request", answer=serializers.QuotaRequestShape)
    def get(self) -> Any:
        """One request for larger limits."""
        return payload.request_payload(self.row)

    @endpoint("cancel_quota_request", answer=serializers.QuotaRequestShape, operation="quota_request.cancel")
    def delete(self) -> Any:
        """Withdraw a request. It stays in the list, as cancelled."""
        return payload.request_payload(quota_requests.cancel_quota_request(self.actor, self.row))


class ApproveView(QuotaRequestBase):
    @endpoint("approve_quota_request", body=serializers.Approve, answer=serializers.QuotaRequestShape, operation="quota_request.approve")
    def post(self) -> Any:
        """Approve a request: the limits are raised at once."""
        return payload.request_payload(quota_requests.approve_quota_request(self.actor, self.row, **self.body))


class DeclineView(QuotaRequestBase):
    @endpoint("decline_quota_request", body=serializers.Decline, answer=serializers.QuotaRequestShape, operation="quota_request.decline")
    def post(self) -> Any:
        """Decline a request, saying why."""
        return payload.request_payload(quota_requests.decline_quota_request(self.actor, self.row, **self.body))
