"""What `manage.py check --deploy` says about our own settings, beside what Django says about its own."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Tags, Warning, register

from kvmweb.own_names import AnyAddress


@register(Tags.security, deploy=True)
def host_names(app_configs: Any, **_: Any) -> list[CheckMessage]:
    if any(isinstance(name, AnyAddress) or name == "*" for name in settings.ALLOWED_HOSTS):
        return [
            Warning(
                "kvmweb answers to any address and to any name without dots.",
                hint="Set KVMWEB_ALLOWED_HOSTS to the names people use, such as kvm.example.org.",
                id="kvmweb.W001",
            )
        ]
    return []


@register(Tags.security, deploy=True)
def proxies(app_configs: Any, **_: Any) -> list[CheckMessage]:
    if "*" in settings.TRUSTED_PROXIES:
        return [
            Warning(
                "Anybody may say with X-Forwarded-For from which address they come.",
                hint="Set KVMWEB_TRUSTED_PROXIES to the addresses of your proxies.",
                id="kvmweb.W002",
            )
        ]
    return []
