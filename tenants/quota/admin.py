"""Admin of quotas: every tenant's limits beside what it uses, one or many at a time, the defaults, requests, and the history of changes.

Nothing is written here: all goes through `tenants.services.quotas`, so that the history is the same whoever changed a limit.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.views.main import ChangeList
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from kvmweb.admin_site import AuditedAdmin, ReadOnlyAdmin
from kvmweb.templatetags.ui import bar
from kvmweb.words import AMOUNTS, amount
from tenants.models import Quota, QuotaChange, QuotaDefault, QuotaRequest, Tenant, TenantQuota
from tenants.quota import hold, limits_of_all
from tenants.quota.admin_forms import BulkForm, DefaultQuotaForm, TenantQuotaForm, kind_field
from tenants.quota.meters import ALWAYS_SHOWN, Meter, changes_of, meters_of, meters_of_all, open_request_of
from tenants.services.quotas import DEFAULT, Limit, own_limits, set_default_quota, set_quota

LIMIT_FIELDS = tuple((kind_field(name), name) for name in Quota.RESOURCES)
SHOWN_CHANGES = 30


def limit_words(resource: str, limit: Limit) -> str:
    return "default" if limit == DEFAULT else "no limit" if limit is None else amount(resource, int(limit))


def meter_cell(meter: Meter) -> SafeString:
    if meter.limit is None:
        return format_html("{} <small>no limit</small>", amount(meter.resource, meter.used))
    note = "default" if meter.follows_default else ""
    return format_html("{}{}<small>{}</small>", meter.words, bar(meter.used, meter.limit, meter.label, 0.85, 1), note)


def change_lines(changes: QuerySet[QuotaChange]) -> list[dict[str, Any]]:
    return [
        {
            "change": change,
            "parts": [
                (AMOUNTS[name][0], limit_words(name, change.before[name]), limit_words(name, change.after[name])) for name in change.after
            ],
        }
        for change in changes[:SHOWN_CHANGES]
    ]


class MeteredList(ChangeList):
    """Meters of the shown tenants, in as many queries as for one."""

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        self.result_list = list(self.result_list)
        meters = meters_of_all([tenant.pk for tenant in self.result_list])
        for tenant in self.result_list:
            tenant.meters = {meter.resource: meter for meter in meters[tenant.pk]}


class Fullness(admin.SimpleListFilter):
    title = "use"
    parameter_name = "use"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("nearly", "nearly full"), ("full", "full or over"), ("own", "has limits of its own")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        tests: dict[str, Callable[[Meter], bool]] = {
            "nearly": lambda meter: meter.is_nearly_full,
            "full": lambda meter: meter.is_full and meter.used > 0,
            "own": lambda meter: not meter.follows_default,
        }
        if self.value() not in tests:
            return queryset
        test, meters = tests[str(self.value())], meters_of_all(list(queryset.values_list("pk", flat=True)))
        return queryset.filter(pk__in=[pk for pk, lines in meters.items() if any(map(test, lines))])


def _column(resource: str) -> Callable[[Any], SafeString]:
    @admin.display(description=AMOUNTS[resource][0])
    def column(tenant: Any) -> SafeString:
        return meter_cell(tenant.meters[resource])

    return column


@admin.display(description="Also limited")
def _others(tenant: Any) -> SafeString:
    """What most tenants have no limit for."""
    limited = [meter for name, meter in tenant.meters.items() if name not in ALWAYS_SHOWN and meter.limit is not None]
    return format_html_join("", "<div>{}: {}</div>", ((meter.label, meter_cell(meter)) for meter in limited)) or SafeString("–")


class ThroughServices(AuditedAdmin):
    """The gate records what is changed; Django's own log is kept beside it."""

    def log_change(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        return admin.ModelAdmin.log_change(self, request, obj, message)

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(TenantQuota)
class TenantQuotaAdmin(ThroughServices):
    form = TenantQuotaForm
    list_display = ("name", *(_column(name) for name in ALWAYS_SHOWN), _others)
    list_filter = (Fullness, "is_active")
    search_fields = ("name", "description")
    ordering = ("name",)
    actions = ("change_limits",)
    fieldsets = ((None, {"fields": (*LIMIT_FIELDS, "reason")}),)
    change_form_template = "admin/quota_change_form.html"

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return MeteredList

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        set_quota(request.actor, Tenant.objects.get(pk=obj.pk), form.limits(), reason=form.cleaned_data["reason"])  # type: ignore[attr-defined]

    def render_change_form(self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any) -> HttpResponse:
        tenant = context["original"]
        context |= {
            "title": f"Quota of {tenant.name}",
            "subtitle": None,
            "meters": [(meter, meter_cell(meter)) for meter in meters_of(tenant)],
            "changes": change_lines(changes_of(tenant)),
            "open_request": open_request_of(tenant),
        }
        return super().render_change_form(request, context, *args, **kwargs)

    @admin.action(description="Change limits of the selected tenants")
    def change_limits(self, request: HttpRequest, queryset: QuerySet[Any]) -> HttpResponse | None:
        """A form, a preview of what it would do to each tenant, and then the change: all tenants or none."""
        tenants = list(Tenant.objects.filter(pk__in=queryset.values("pk")).order_by("pk"))
        form = BulkForm(request.POST if "step" in request.POST else None)
        is_valid = form.is_bound and form.is_valid()
        if is_valid and request.POST["step"] == "apply":
            changed = _apply(request.actor, tenants, form)  # type: ignore[attr-defined]
            messages.success(request, f"The limits of {changed} of {len(tenants)} tenants were changed.")
            return None
        context = {
            **self.admin_site.each_context(request),
            "title": "Change limits",
            "opts": self.model._meta,
            "form": form,
            "rows": [[form[kind_field(name)], form[name]] for name in Quota.RESOURCES],
            "tenants": sorted(tenants, key=lambda tenant: tenant.name),
            "preview": _preview(tenants, form) if is_valid else None,
            "select_across": request.POST.get("select_across", "0"),
        }
        return TemplateResponse(request, "admin/quota_bulk.html", context)


def _plan(tenants: list[Tenant], form: Any) -> dict[Tenant, dict[str, Limit]]:
    quotas = {quota.tenant_id: quota for quota in Quota.objects.filter(tenant__in=tenants)}
    now = limits_of_all([tenant.pk for tenant in tenants])
    return {tenant: form.limits_for(own_limits(quotas.get(tenant.pk)), now[tenant.pk]) for tenant in tenants}


def _apply(actor: Any, tenants: list[Tenant], form: Any) -> int:
    """In one transaction; the tenants are locked in one order first, so that two bulk changes cannot wait for each other."""
    with transaction.atomic():
        for tenant in tenants:
            hold(tenant)
        plan = {tenant: limits for tenant, limits in _plan(tenants, form).items() if limits}
        for tenant, limits in plan.items():
            set_quota(actor, tenant, limits, reason=form.cleaned_data["reason"])
    return len(plan)


def _preview(tenants: list[Tenant], form: Any) -> list[dict[str, Any]]:
    """A line for each limit that would change: what is used, before and after."""
    meters = meters_of_all([tenant.pk for tenant in tenants])
    return [
        {
            "tenant": tenant,
            "label": meter.label,
            "used": amount(meter.resource, meter.used),
            "before": limit_words(meter.resource, meter.limit) + (" (default)" if meter.follows_default else ""),
            "after": limit_words(meter.resource, limits[meter.resource]),
            "is_below": isinstance(limit := limits[meter.resource], int) and limit < meter.used,
        }
        for tenant, limits in sorted(_plan(tenants, form).items(), key=lambda pair: pair[0].name)
        for meter in meters[tenant.pk]
        if meter.resource in limits
    ]


@admin.register(QuotaDefault)
class QuotaDefaultAdmin(ThroughServices):
    """One row, which need not exist yet."""

    form = DefaultQuotaForm
    fieldsets = ((None, {"fields": (*LIMIT_FIELDS, "reason")}),)
    change_form_template = "admin/quota_change_form.html"

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        return redirect("admin:tenants_quotadefault_change", "1")

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> QuotaDefault | None:
        return QuotaDefault.objects.first() or QuotaDefault() if object_id == "1" else None

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        set_default_quota(request.actor, None, form.limits(), reason=form.cleaned_data["reason"])  # type: ignore[attr-defined]

    def render_change_form(self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any) -> HttpResponse:
        own = Quota.objects.filter(follows_default=[]).count()
        context |= {
            "title": "Default quota",
            "subtitle": None,
            "changes": change_lines(changes_of(None)),
            "followers": Tenant.objects.count() - own,
        }
        return super().render_change_form(request, context, *args, **kwargs)


@admin.register(QuotaRequest)
class QuotaRequestAdmin(ReadOnlyAdmin):
    """To look at; answered on their own page."""

    list_display = ("tenant", "state", "wants", "reason", "requested_by_label", "created_at", "answer")
    list_filter = ("state",)
    search_fields = ("tenant__name", "reason", "requested_by_label")
    list_select_related = ("tenant",)

    @admin.display(description="wants")
    def wants(self, request: QuotaRequest) -> str:
        return ", ".join(f"{AMOUNTS[name][0]} {amount(name, limit)}" for name, limit in request.wanted.items())

    @admin.display(description="answer")
    def answer(self, request: QuotaRequest) -> SafeString | str:
        if request.state == "open":
            return format_html('<a href="{}">Approve or decline</a>', "/quota-requests/?state=open")
        return request.message


@admin.register(QuotaChange)
class QuotaChangeAdmin(ReadOnlyAdmin):
    list_display = ("at", "whose", "actor_label", "what", "reason")
    list_filter = ("at",)
    search_fields = ("tenant__name", "actor_label", "reason")
    list_select_related = ("tenant",)
    show_full_result_count = False

    @admin.display(description="tenant", ordering="tenant__name")
    def whose(self, change: QuotaChange) -> str:
        return change.tenant.name if change.tenant else "default"

    @admin.display(description="change")
    def what(self, change: QuotaChange) -> str:
        names = change.after
        return ", ".join(
            f"{AMOUNTS[name][0]} {limit_words(name, change.before[name])} → {limit_words(name, change.after[name])}" for name in names
        )
