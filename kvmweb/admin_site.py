"""Django admin behind the product's own login, for admins only, and the bases of our model admins."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.contrib import admin
from django.contrib.auth.views import redirect_to_login
from django.db.models import Model
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from kvmweb.errors import NotAllowed
from tenants import audit
from tenants.audit.forms import changes_of
from tenants.models import AuditEntry


class KvmwebAdminSite(admin.AdminSite):
    site_header = "kvmweb administration"
    site_title = "kvmweb"
    index_title = "Administration"
    site_url = "/"
    enable_nav_sidebar = True

    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """One door: the product's login page. Who is logged in and no admin would go in circles there."""
        if request.user.is_authenticated:
            raise NotAllowed("Administration is for admins.", hint="Ask an admin for the role if you need it.")
        return redirect(f"{settings.LOGIN_URL}?" + urlencode({"next": request.GET.get("next", "/admin/")}, safe="/"))

    def logout(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        return redirect("/")

    def password_change(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        return redirect("account_change_password")

    def admin_view(self, view: Callable[..., Any], cacheable: bool = False) -> Any:
        """Nobody is sent straight to the login page, not by way of the admin's own."""
        inner = super().admin_view(view, cacheable)

        @wraps(inner)
        def through_the_door(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
            if not request.user.is_authenticated:
                return redirect_to_login(request.get_full_path(), settings.LOGIN_URL)
            return inner(request, *args, **kwargs)

        return through_the_door

    def has_permission(self, request: HttpRequest) -> bool:
        """The system role decides, not Django's staff flag."""
        return _is_admin(request)


def _is_admin(request: HttpRequest) -> bool:
    # `actor` is lazy and None for nobody.
    actor = getattr(request, "actor", None)
    return actor is not None and bool(actor) and actor.is_admin


class AdminOnly(admin.options.BaseModelAdmin):
    """For inlines and model admins: Django's own permissions are not used."""

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return _is_admin(request)

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return _is_admin(request)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return _is_admin(request)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return _is_admin(request)


class AuditedAdmin(AdminOnly, admin.ModelAdmin):
    """What an admin changes here is in the audit trail like everything else."""

    def has_module_permission(self, request: HttpRequest) -> bool:
        return _is_admin(request)

    def log_addition(self, request: HttpRequest, obj: Model, message: Any) -> Any:
        self._record(request, "admin.add", obj)
        return super().log_addition(request, obj, message)

    def log_change(self, request: HttpRequest, obj: Model, message: Any) -> Any:
        self._record(request, "admin.change", obj)
        return super().log_change(request, obj, message)

    def log_deletions(self, request: HttpRequest, queryset: Any) -> Any:
        for row in queryset:
            self._record(request, "admin.delete", row)
        return super().log_deletions(request, queryset)

    def construct_change_message(self, request: HttpRequest, form: Any, formsets: Any, add: bool = False) -> Any:
        """Django asks for this just before it logs a save: the one place that knows the form and its inlines."""
        request._changes = changes_of(form, formsets or [])  # type: ignore[attr-defined]
        return super().construct_change_message(request, form, formsets, add)

    def _record(self, request: HttpRequest, operation: str, row: Model) -> None:
        changes = getattr(request, "_changes", {})
        details = {"changes": changes} if changes else {}
        audit.record(request.actor, operation, AuditEntry.Outcome.DONE, target=row, details=details)  # type: ignore[attr-defined]


class ReadOnlyAdmin(AuditedAdmin):
    """To look at. What changes these goes through jobs."""

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class ReadOnlyInline(AdminOnly, admin.TabularInline):
    extra = 0
    can_delete = False

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False
