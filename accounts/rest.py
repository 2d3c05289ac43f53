"""REST for people whose session lacks the second factor that their role or tenant requires: refused, with what to do."""

from __future__ import annotations

from typing import Any

from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from kvmweb.errors import NotAllowed
from tenants import mfa
from tenants.authentication import request_actor
from tenants.models import User


class HasSecondFactor(BasePermission):
    """Sessions only: an API token is a factor of its own, and could not be made without a second one."""

    def has_permission(self, request: Request, view: Any) -> bool:
        if request.auth is None and isinstance(request.user, User) and request_actor(request).lacks_mfa:
            raise NotAllowed(
                "Set up a second factor first; your role or one of your tenants requires it.", hint=mfa.HINT, code="mfa_required"
            )
        return True
