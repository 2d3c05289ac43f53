"""Keys that were refused, in the audit trail: expired, revoked, made up. A flood of them may not fill it, so they are counted out."""

from __future__ import annotations

import threading
import time

from django.http import HttpRequest
from knox.crypto import hash_token

from tenants import audit
from tenants.actor import Actor
from tenants.middleware import address_of
from tenants.models import ApiToken, AuditEntry
from tenants.models.token import PREFIX, SHOWN

SAME_AGAIN_S = 60.0
MOST_A_MINUTE = 60
"""Records of refused keys by this process. What comes above that is in the log of requests."""

_lock = threading.Lock()
_recent: dict[tuple[str, str], float] = {}


def record_refusal(request: HttpRequest, header: bytes, message: str) -> None:
    """`header`: what was sent as Authorization. Only the key's beginning is kept."""
    words = header.decode("latin-1").split()
    address = address_of(request)
    key = words[1] if len(words) == 2 else ""
    # What does not look like a key of ours may be anything, a password too.
    begins_with = key[:SHOWN] if key.startswith(PREFIX) else key[:4]
    if not _is_news(address, begins_with):
        return
    token = _token_of(key) if key else None
    actor = Actor(
        label=token.user.username if token else "unknown token",
        user_id=token.user_id if token else None,
        address=address,
        request_id=getattr(request, "id", "") or "",
    )
    said = "The token has expired." if token and token.has_expired else "The account is disabled." if token else message
    audit.record(actor, "token.use", AuditEntry.Outcome.REFUSED, target=token, message=said, details={"begins_with": begins_with})


def _token_of(key: str) -> ApiToken | None:
    """The row a refused key belongs to; a key that only begins like one is nobody's."""
    try:
        return ApiToken.objects.select_related("user").filter(pk=hash_token(key)).first()
    except (TypeError, ValueError):
        return None


def _is_news(address: str, begins_with: str) -> bool:
    now = time.monotonic()
    with _lock:
        for known in [key for key, at in _recent.items() if now - at > SAME_AGAIN_S]:
            del _recent[known]
        if (address, begins_with) in _recent or len(_recent) >= MOST_A_MINUTE:
            return False
        _recent[address, begins_with] = now
        return True
