"""Admin of accounts: a link for a new password, lost second factors, ending sessions. allauth's own admins would show secrets."""

from __future__ import annotations

from typing import Any

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.socialaccount.models import SocialAccount, SocialApp, SocialToken
from allauth.usersessions.models import UserSession
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest

from accounts.links import reset_link
from accounts.models import SshKey
from accounts.sessions import end_sessions
from kvmweb.admin_site import AdminOnly, AuditedAdmin, ReadOnlyAdmin
from kvmweb.errors import KvmwebError
from tenants import audit
from tenants.admin import UserAdmin
from tenants.models import AuditEntry, User

for model in (EmailAddress, Authenticator, SocialAccount, SocialApp, SocialToken, UserSession, User):
    if admin.site.is_registered(model):
        admin.site.unregister(model)


class SsoOfUser(AdminOnly, admin.TabularInline):
    """A row here lets the person with this subject at the sign-on service in as this user: how an admin connects an account."""

    model = SocialAccount
    extra = 0
    fields = ("provider", "uid", "last_login")
    readonly_fields = ("last_login",)
    verbose_name, verbose_name_plural = "sign-on", "single sign-on (provider oidc, uid: the subject there)"


@admin.register(User)
class AccountAdmin(UserAdmin):
    inlines = (*UserAdmin.inlines, SsoOfUser)  # type: ignore[assignment]
    actions = ("make_reset_link", "remove_second_factors", "end_all_sessions")

    @admin.action(description="Make a link for a new password")
    def make_reset_link(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        for user in queryset[:20]:
            try:
                link = reset_link(user, base=f"{request.scheme}://{request.get_host()}")
            except KvmwebError as error:
                self.message_user(request, f"{error.message} {error.hint}", messages.ERROR)
                continue
            self._note(request, "password.link", user)
            self.message_user(request, f"{user.username}, once, for a day: {link}")

    @admin.action(description="Remove second factors (phone or key lost)")
    def remove_second_factors(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        for user in queryset:
            count = Authenticator.objects.filter(user=user).delete()[0]
            end_sessions(user)
            self._note(request, "mfa.remove", user)
            self.message_user(request, f"{user.username}: {count} removed, and logged out everywhere.")

    @admin.action(description="End all sessions")
    def end_all_sessions(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        for user in queryset:
            ended = end_sessions(user)
            self._note(request, "session.revoke", user)
            self.message_user(request, f"{user.username}: {ended} sessions ended.")

    def _note(self, request: HttpRequest, operation: str, user: User) -> None:
        audit.record(request.actor, operation, AuditEntry.Outcome.DONE, target=user)  # type: ignore[attr-defined]


@admin.register(Authenticator)
class SecondFactorAdmin(ReadOnlyAdmin):
    """To see who has one. Removing is an action of users."""

    list_display = ("user", "type", "created_at", "last_used_at")
    list_filter = ("type",)
    search_fields = ("user__username",)
    fields = ("user", "type", "created_at", "last_used_at")


@admin.register(UserSession)
class SessionAdmin(ReadOnlyAdmin):
    list_display = ("user", "ip", "user_agent", "created_at", "last_seen_at")
    search_fields = ("user__username", "ip")
    fields = ("user", "ip", "user_agent", "created_at", "last_seen_at")


@admin.register(SshKey)
class SshKeyAdmin(ReadOnlyAdmin):
    list_display = ("name", "user", "fingerprint", "created_at")
    search_fields = ("name", "user__username", "fingerprint")

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return AuditedAdmin.has_delete_permission(self, request, obj)
