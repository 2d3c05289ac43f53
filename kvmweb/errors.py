"""The errors a person or a script may see: a code, a sentence, and what to do next.

Services raise them; one renderer for pages (`kvmweb.middleware`) and one for REST (`kvmweb.api`) show them. Nothing here knows HTTP
beyond the status number.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any


class KvmwebError(Exception):
    """`message` and `hint` are shown to tenants: no paths, no host names they may not see, no libvirt text."""

    code = "error"
    status = 500

    def __init__(self, message: str, *, hint: str = "", details: Mapping[str, Any] | None = None, code: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.details = dict(details or {})
        if code:
            self.code = code


class InvalidInput(KvmwebError):
    """Input that cannot be accepted. `fields`: field name -> sentences."""

    code = "invalid"
    status = 400

    def __init__(self, message: str = "", *, fields: Mapping[str, str | Sequence[str]] | None = None, hint: str = "") -> None:
        cleaned = {name: [text] if isinstance(text, str) else list(text) for name, text in (fields or {}).items()}
        if not message and cleaned:
            message = "; ".join(f"{name}: {' '.join(texts)}" for name, texts in cleaned.items())
        super().__init__(message or "The input is not valid.", hint=hint, details={"fields": cleaned} if cleaned else None)
        self.fields = cleaned


class NotAuthenticated(KvmwebError):
    code = "not_authenticated"
    status = 401


class NotAllowed(KvmwebError):
    """Visible, but the role is too low. The message names the role that may."""

    code = "not_allowed"
    status = 403


class NotFound(KvmwebError):
    """Missing and foreign look the same."""

    code = "not_found"
    status = 404

    def __init__(self, message: str = "There is no such thing, or you may not see it.", **kwargs: Any) -> None:
        super().__init__(message, **kwargs)


class Conflict(KvmwebError):
    """The state does not allow it now."""

    code = "conflict"
    status = 409


class Busy(Conflict):
    """Another job works on it. details: {"job": {...}}."""

    code = "busy"


class QuotaExceeded(Conflict):
    """details: {"resource", "limit", "used", "asked"}."""

    code = "quota_exceeded"


class NoCapacity(Conflict):
    """No host or pool has room. details say how much is free."""

    code = "no_capacity"


class Stale(KvmwebError):
    """The row changed since the caller read it. details: {"current": {...}}."""

    code = "stale"
    status = 412


class RateLimited(KvmwebError):
    """Too many requests in a short time. details: {"retry_after_s"}."""

    code = "rate_limited"
    status = 429

    def __init__(self, wait_s: float) -> None:
        seconds = int(wait_s) + 1
        super().__init__("Too many requests.", hint=f"Wait {seconds} s, then go on more slowly.", details={"retry_after_s": seconds})


class Unavailable(KvmwebError):
    """A host, the database or redis does not answer."""

    code = "unavailable"
    status = 503
