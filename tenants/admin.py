"""Admin of people: users, tenants with members, tokens, the audit trail."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.models import Group
from django.db.models import Count, QuerySet
from django.forms import BaseInlineFormSet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from kvmweb.admin_site import AdminOnly, AuditedAdmin, ReadOnlyAdmin
from tenants.admin_people import MembershipSaving, TenantSaving, UserSaving
from tenants.models import ApiToken, AuditEntry, Membership, Tenant, User
from tenants.quota import admin as _quota_admin  # noqa: F401  (its registrations)
from tenants.quota import usage_of

# Rights come from roles (tenants.policy), not from Django's groups.
admin.site.unregister(Group)


class LabelledFormSet(BaseInlineFormSet):
    """Django's table of inlines names its columns only for the eye."""

    def add_fields(self, form: Any, index: int | None) -> None:
        super().add_fields(form, index)
        for name, field in form.fields.items():
            field.widget.attrs.setdefault("aria-label", f"{field.label or name} {'' if index is None else index + 1}".strip())


class TenantsOfUser(AdminOnly, admin.TabularInline):
    model = Membership
    formset = LabelledFormSet
    extra = 0
    autocomplete_fields = ("tenant",)


@admin.register(User)
class UserAdmin(UserSaving, DjangoUserAdmin):
    list_display = ("username", "email", "system_role", "is_active", "belongs_to", "last_login")
    list_filter = ("system_role", "is_active", "memberships__role", ("memberships__tenant", admin.RelatedOnlyFieldListFilter))
    filter_horizontal = ()
    inlines = (TenantsOfUser,)
    fieldsets = (
        (None, {"fields": ("username", "password")}),
        ("Person", {"fields": ("first_name", "last_name", "email")}),
        ("Rights", {"fields": ("system_role", "is_active")}),
        ("Dates", {"fields": ("last_login", "date_joined")}),
    )
    add_fieldsets = ((None, {"classes": ("wide",), "fields": ("username", "system_role", "usable_password", "password1", "password2")}),)
    readonly_fields = ("last_login", "date_joined")

    def get_queryset(self, request: HttpRequest) -> QuerySet[User]:
        return super().get_queryset(request).prefetch_related("memberships__tenant")

    @admin.display(description="belongs to")
    def belongs_to(self, user: User) -> str:
        return ", ".join(f"{each.tenant.name} ({each.role})" for each in user.memberships.all())


@admin.register(Membership)
class MembershipAdmin(MembershipSaving):
    list_display = ("user", "tenant", "role")
    list_filter = ("role", ("tenant", admin.RelatedOnlyFieldListFilter))
    search_fields = ("user__username", "user__email", "tenant__name")
    autocomplete_fields = ("user", "tenant")
    list_select_related = ("user", "tenant")


class Members(AdminOnly, admin.TabularInline):
    model = Membership
    formset = LabelledFormSet
    extra = 0
    autocomplete_fields = ("user",)


@admin.register(Tenant)
class TenantAdmin(TenantSaving):
    list_display = ("name", "is_active", "member_count", "quota_link", "created_at")
    list_filter = ("is_active",)
    search_fields = ("name", "description")
    inlines = (Members,)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Tenant]:
        return super().get_queryset(request).annotate(people=Count("memberships"))

    @admin.display(description="members", ordering="people")
    def member_count(self, tenant: Any) -> int:
        return int(tenant.people)

    @admin.display(description="quota")
    def quota_link(self, tenant: Tenant) -> SafeString:
        return format_html('<a href="{}">Use and limits</a>', reverse("admin:tenants_tenantquota_change", args=[tenant.pk]))

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """A tenant with guests, images or volumes is switched off, not deleted."""
        return super().has_delete_permission(request, obj) and (obj is None or not any(usage_of(obj.pk).values()))


@admin.register(ApiToken)
class ApiTokenAdmin(ReadOnlyAdmin):
    """To see and revoke. Tokens are made by their owners, or with manage.py create_token."""

    list_display = ("name", "user", "scope", "tenant", "created", "expiry", "last_used_at")
    list_filter = ("scope",)
    search_fields = ("name", "user__username")
    fields = ("name", "user", "scope", "tenant", "created", "expiry", "last_used_at")

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return AuditedAdmin.has_delete_permission(self, request, obj)


@admin.register(AuditEntry)
class AuditEntryAdmin(ReadOnlyAdmin):
    """Filters that look at all rows are left to /audit/: a million entries are normal."""

    list_display = ("at", "actor_label", "operation", "outcome", "target_type", "target_name", "message", "address")
    list_filter = ("outcome",)
    search_fields = ("=actor_label", "=target_id", "=request_id")
    date_hierarchy = "at"
    show_full_result_count = False
