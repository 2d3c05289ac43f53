"""Logging in at an OIDC provider: allauth's flow (state, PKCE), with a nonce, and with an ID token that is believed for its signature only.

Who somebody is here follows from the subject of the token, never from an e-mail address or a name.
"""

from __future__ import annotations

import secrets
from typing import Any

import jwt
from allauth.account.models import EmailAddress
from allauth.core.exceptions import ImmediateHttpResponse
from allauth.socialaccount.adapter import DefaultSocialAccountAdapter, get_adapter
from allauth.socialaccount.models import SocialAccount, SocialLogin
from allauth.socialaccount.providers.oauth2.client import OAuth2Error
from allauth.socialaccount.providers.oauth2.views import OAuth2CallbackView
from allauth.socialaccount.providers.openid_connect.views import OpenIDConnectOAuth2Adapter
from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse

from accounts.groups import apply_roles, parse_roles
from accounts.names import cleaned, user_called
from tenants import audit
from tenants.actor import Actor
from tenants.middleware import address_of
from tenants.models import AuditEntry, User

PROVIDER = "oidc"
ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
"""Signatures by a key of the provider. None and HMAC are not among them: their key could be one that we gave away."""
CLOCK_SKEW_S = 60


class OidcAdapter(OpenIDConnectOAuth2Adapter):
    """`nonce` is set by the callback from what the session kept."""

    nonce = ""

    def __init__(self, request: HttpRequest) -> None:
        super().__init__(request, PROVIDER)

    def get_provider(self) -> Any:
        provider = super().get_provider()
        # Its redirect asks for an adapter again.
        provider.get_oauth2_adapter = lambda request: OidcAdapter(request)
        return provider

    def get_callback_url(self, request: HttpRequest, app: Any) -> str:
        path = reverse("oidc_callback")
        return settings.PUBLIC_URL + path if settings.PUBLIC_URL else request.build_absolute_uri(path)

    def complete_login(self, request: HttpRequest, app: Any, token: Any, **kwargs: Any) -> SocialLogin:
        claims = self.verified_claims(str(kwargs["response"].get("id_token") or ""))
        data: dict[str, Any] = {"id_token": claims}
        if "userinfo_endpoint" in self.openid_config:
            userinfo = self._fetch_user_info(token.token)
            if userinfo.get("sub") != claims["sub"]:
                raise OAuth2Error("userinfo is about somebody else")
            # The signed claims win.
            data["userinfo"] = {**userinfo, **claims}
        return self.get_provider().sociallogin_from_response(request, data)

    def verified_claims(self, id_token: str) -> dict[str, Any]:
        """OpenID Connect Core 3.1.3.7. Raises OAuth2Error."""
        config = self.openid_config
        if config.get("issuer", "").rstrip("/") != settings.OIDC_ISSUER:
            raise OAuth2Error("the provider calls itself otherwise than KVMWEB_OIDC_ISSUER")
        try:
            claims: dict[str, Any] = jwt.decode(
                id_token,
                key=self._key_of(id_token),
                algorithms=list(ALGORITHMS),
                issuer=config["issuer"],
                audience=settings.OIDC_CLIENT_ID,
                leeway=CLOCK_SKEW_S,
                options={"require": ["exp", "iat", "iss", "aud", "sub"]},
            )
        except (jwt.PyJWTError, ValueError, TypeError, KeyError) as error:
            raise OAuth2Error(f"the ID token was refused: {error}") from error
        if not self.nonce or not secrets.compare_digest(str(claims.get("nonce", "")), self.nonce):
            raise OAuth2Error("the ID token belongs to another login: wrong nonce")
        if claims.get("azp", settings.OIDC_CLIENT_ID) != settings.OIDC_CLIENT_ID:
            raise OAuth2Error("the ID token was made for another client")
        return claims

    def _key_of(self, id_token: str) -> Any:
        with get_adapter().get_requests_session() as session:
            answer = session.get(self.openid_config["jwks_uri"])
            answer.raise_for_status()
            keys = jwt.PyJWKSet.from_dict(answer.json()).keys
        wanted = jwt.get_unverified_header(id_token).get("kid")
        usable = [key for key in keys if key.public_key_use in (None, "sig") and (wanted is None or key.key_id == wanted)]
        if len(usable) != 1:
            raise ValueError("no key of the provider fits")
        return usable[0].key


class Callback(OAuth2CallbackView):
    def _get_state(self, request: HttpRequest, provider: Any) -> Any:
        state, response = super()._get_state(request, provider)
        if state is not None:
            self.adapter.nonce = str(state.get("nonce", ""))
        return state, response


def begin(request: HttpRequest, process: str, next_url: str | None) -> HttpResponse:
    """To the provider. `process`: login, or connect for who is logged in."""
    nonce = secrets.token_urlsafe(24)
    provider = OidcAdapter(request).get_provider()
    response: HttpResponse = provider.redirect(request, process, next_url=next_url, auth_params={"nonce": nonce}, nonce=nonce)
    if not isinstance(response, HttpResponseRedirect):
        return response
    # A page, not a redirect: browsers hold every redirect after a form against form-action, and the provider's own may go anywhere.
    return render(request, "socialaccount/leaving.html", {"url": response.url, "oidc_name": settings.OIDC_NAME})


class SocialAdapter(DefaultSocialAccountAdapter):
    def is_open_for_signup(self, request: HttpRequest, sociallogin: SocialLogin) -> bool:
        return bool(settings.OIDC_CREATE_ACCOUNTS)

    def pre_social_login(self, request: HttpRequest, sociallogin: SocialLogin) -> None:
        if sociallogin.state.get("process") == "connect":
            return
        if sociallogin.is_existing:
            self._apply_groups(sociallogin.user, sociallogin)
        elif settings.OIDC_CREATE_ACCOUNTS:
            self._refuse_takeover(request, sociallogin)
        else:
            self._refuse(request, sociallogin, "There is no account for you here yet. Ask an admin for one, or log in and connect it.")

    def _refuse_takeover(self, request: HttpRequest, sociallogin: SocialLogin) -> None:
        """An account that is there keeps its owner: the same name or address at the provider proves nothing about it."""
        claims = claims_of(sociallogin)
        name, email = cleaned(str(claims.get("preferred_username") or "")), str(claims.get("email") or "")
        has_email = User.objects.filter(email__iexact=email).exists() or EmailAddress.objects.filter(email__iexact=email).exists()
        if (name and user_called(name)) or (email and has_email):
            hint = "Log in to it with its password and connect it on the page Account, or ask an admin."
            self._refuse(request, sociallogin, f"An account with your name or e-mail address exists here already. {hint}")

    def _refuse(self, request: HttpRequest, sociallogin: SocialLogin, sentence: str) -> None:
        actor = Actor(label=f"{PROVIDER}:{sociallogin.account.uid}"[:150], address=address_of(request))
        audit.record(actor, "login", AuditEntry.Outcome.REFUSED, message=sentence)
        raise ImmediateHttpResponse(render(request, "socialaccount/authentication_error.html", {"problem": sentence}, status=403))

    def save_user(self, request: HttpRequest, sociallogin: SocialLogin, form: Any = None) -> Any:
        user: User = sociallogin.user
        user.username = cleaned(user.username) or f"{PROVIDER}-{sociallogin.account.uid}"[:150]
        super().save_user(request, sociallogin, form)
        self._apply_groups(user, sociallogin)
        return user

    def _apply_groups(self, user: User, sociallogin: SocialLogin) -> None:
        given = claims_of(sociallogin).get(settings.OIDC_GROUP_CLAIM) or []
        groups = [given] if isinstance(given, str) else [str(group) for group in given]
        apply_roles(user, groups, parse_roles(settings.OIDC_GROUP_ROLES), source=PROVIDER)

    def get_connect_redirect_url(self, request: HttpRequest, socialaccount: SocialAccount) -> str:
        return reverse("account_profile")

    def on_authentication_error(
        self, request: HttpRequest, provider: Any, error: Any = None, exception: Any = None, extra_context: Any = None
    ) -> None:
        """Why goes to the trail; the person at the browser can only start again."""
        actor = Actor(label=PROVIDER, address=address_of(request))
        audit.record(actor, "login", AuditEntry.Outcome.REFUSED, message=f"{error or ''} {exception or ''}".strip())


def claims_of(sociallogin: SocialLogin) -> dict[str, Any]:
    data = sociallogin.account.extra_data
    return dict(data.get("userinfo") or data.get("id_token") or {})


def account_of(user: User) -> SocialAccount | None:
    return SocialAccount.objects.filter(user=user, provider=PROVIDER).first()
