"""In and out at the top, one's account below /account/. allauth's names, our paths; no sign-up, no e-mail verification."""

from __future__ import annotations

from allauth.account import views as account_views
from allauth.mfa.base import views as mfa_views
from allauth.mfa.recovery_codes import views as recovery_views
from allauth.mfa.totp import views as totp_views
from allauth.mfa.webauthn import views as webauthn_views
from django.contrib.auth.decorators import login_required
from django.urls import path, re_path
from django.views.decorators.http import require_safe
from django.views.generic import RedirectView

from accounts.views import account, factors, login, oidc, ssh_keys

urlpatterns = [
    path("login/", login.Login.as_view(), name="account_login"),
    path("login/code/", mfa_views.authenticate, name="mfa_authenticate"),
    path("login/passkey/", login.PasskeyLogin.as_view(), name="mfa_login_webauthn"),
    path("login/oidc/", oidc.login, name="oidc_login"),
    path("login/oidc/callback/", oidc.callback, name="oidc_callback"),
    path("login/oidc/cancelled/", oidc.cancelled, name="socialaccount_login_cancelled"),
    path("login/refused/", account_views.account_inactive, name="account_inactive"),
    path("logout/", login.Logout.as_view(), name="account_logout"),
    path("password/", require_safe(RedirectView.as_view(pattern_name="account_change_password"))),
    path("password/reset/", login.ResetPassword.as_view(), name="account_reset_password"),
    path("password/reset/sent/", account_views.password_reset_done, name="account_reset_password_done"),
    re_path(
        r"^password/reset/key/(?P<uidb36>[0-9A-Za-z]+)-(?P<key>.+)/$",
        account_views.password_reset_from_key,
        name="account_reset_password_from_key",
    ),
    path("password/reset/done/", account_views.password_reset_from_key_done, name="account_reset_password_from_key_done"),
    path("account/", account.profile, name="account_profile"),
    path("account/sso/connect/", oidc.connect, name="oidc_connect"),
    path("account/sso/disconnect/", oidc.disconnect, name="oidc_disconnect"),
    path("account/confirm/", account_views.reauthenticate, name="account_reauthenticate"),
    path("account/confirm/code/", mfa_views.reauthenticate, name="mfa_reauthenticate"),
    path("account/confirm/passkey/", webauthn_views.reauthenticate_webauthn, name="mfa_reauthenticate_webauthn"),
    path("account/password/", login_required(account_views.password_change), name="account_change_password"),
    path("account/password/set/", account.no_password_here, name="account_set_password"),
    path("account/two-factor/", mfa_views.index, name="mfa_index"),
    path("account/two-factor/app/", login_required(totp_views.activate_totp), name="mfa_activate_totp"),
    path("account/two-factor/app/remove/", totp_views.deactivate_totp, name="mfa_deactivate_totp"),
    path("account/two-factor/codes/", recovery_views.view_recovery_codes, name="mfa_view_recovery_codes"),
    path("account/two-factor/codes/new/", login_required(recovery_views.generate_recovery_codes), name="mfa_generate_recovery_codes"),
    path(
        "account/two-factor/passkeys/",
        login_required(require_safe(RedirectView.as_view(pattern_name="mfa_index"))),
        name="mfa_list_webauthn",
    ),
    path("account/two-factor/passkeys/add/", login_required(webauthn_views.add_webauthn), name="mfa_add_webauthn"),
    path("account/two-factor/passkeys/<int:pk>/rename/", login_required(webauthn_views.edit_webauthn), name="mfa_edit_webauthn"),
    path("account/two-factor/passkeys/<int:pk>/remove/", login_required(factors.RemovePasskey.as_view()), name="mfa_remove_webauthn"),
    path("account/sessions/", account.sessions, name="usersessions_list"),
    path("account/sessions/<int:pk>/end/", account.end_session, name="usersessions_end"),
    path("account/sessions/end-others/", account.end_other_sessions, name="usersessions_end_others"),
    path("account/ssh-keys/", ssh_keys.ssh_keys, name="account_ssh_keys"),
    path("account/ssh-keys/<uuid:ssh_key_id>/delete/", ssh_keys.delete, name="account_delete_ssh_key"),
]
