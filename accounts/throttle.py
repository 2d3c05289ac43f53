"""At most ten failures in fifteen minutes for an account from one address, and sixty for an address over all accounts.

Codes of a second factor are few enough to be guessed from many addresses: thirty for an account over all of them. Only who knows the
password gets that far, so strangers cannot lock anybody out with it.

An attempt is reserved before anything is checked and given back when it was right, so that parallel attempts cannot pass the limit
together. The counters are rows of the database: every web process counts the same, and a redis that was flushed changes nothing.
Passwords, codes, recovery codes, password resets and the directory all come through here; nothing else of ours or allauth's counts.
"""

from __future__ import annotations

import hashlib
import ipaddress
import time
from dataclasses import dataclass
from datetime import UTC, datetime

from django.db import transaction

from accounts.models import LoginBucket
from kvmweb.errors import KvmwebError

WINDOW_S = 15 * 60
PER_PAIR = 10
PER_ADDRESS = 60
CODES_PER_ACCOUNT = 30


class TooManyAttempts(KvmwebError):
    """`wait_s`: until one more is allowed. `is_news`: nobody was told of this lock yet."""

    code = "rate_limited"
    status = 429

    def __init__(self, wait_s: float, *, is_news: bool = False) -> None:
        minutes = max(1, -(-int(wait_s) // 60))
        text = f"Too many attempts. Wait {minutes} minute{'' if minutes == 1 else 's'}, then try again."
        super().__init__(text, details={"retry_after_s": int(wait_s) + 1})
        self.wait_s = wait_s
        self.is_news = is_news


@dataclass(frozen=True, slots=True)
class Attempt:
    """One reserved attempt. It counts as a failure unless `succeeded` is called."""

    at: float
    pair: str
    address: str
    account: str = ""

    def succeeded(self) -> None:
        """Who knows the secret starts again with ten; the others get back this attempt only, or one's own account would free them."""
        with transaction.atomic():
            for key in filter(None, (self.address, self.pair, self.account)):
                bucket = LoginBucket.objects.select_for_update().filter(key=key).first()
                if bucket is None:
                    continue
                left = [] if key == self.pair else without(bucket.attempts, self.at)
                _keep(bucket, left)


def begin(kind: str, account: str, address: str) -> Attempt:
    """Reserve one attempt, or raise TooManyAttempts. `kind`: password, code, reset; each is counted for itself in the pair."""
    network = network_of(address)
    of_all = _key("codes", account) if kind == "code" else ""
    attempt = Attempt(at=time.time(), pair=_key("pair", kind, account, network), address=_key("address", network), account=of_all)
    with transaction.atomic():
        # Always in this order, so that two attempts never wait for each other.
        limits = {attempt.address: PER_ADDRESS, attempt.pair: PER_PAIR} | ({of_all: CODES_PER_ACCOUNT} if of_all else {})
        buckets = [_locked(key) for key in limits]
        wait_s = max(_wait(bucket, limits[bucket.key], attempt.at) for bucket in buckets)
        is_news = wait_s > 0 and not any(bucket.is_told for bucket in buckets)
        if wait_s <= 0:
            for bucket in buckets:
                _keep(bucket, [*bucket.attempts, attempt.at])
        elif is_news:
            for bucket in buckets:
                bucket.is_told = True
                bucket.save(update_fields=["is_told"])
    if wait_s > 0:
        raise TooManyAttempts(wait_s, is_news=is_news)
    return attempt


def forget_expired() -> int:
    deleted, _ = LoginBucket.objects.filter(expires_at__lt=datetime.now(UTC)).delete()
    return deleted


def network_of(address: str) -> str:
    """An IPv6 customer has a whole /64 to try from."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.ipv4_mapped:
            return str(parsed.ipv4_mapped)
        return str(ipaddress.ip_network((parsed, 64), strict=False))
    return address


def without(attempts: list[float], at: float) -> list[float]:
    left = list(attempts)
    if at in left:
        left.remove(at)
    return left


def _key(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def _locked(key: str) -> LoginBucket:
    bucket, _ = LoginBucket.objects.select_for_update().get_or_create(key=key, defaults={"expires_at": datetime.now(UTC)})
    return bucket


def _wait(bucket: LoginBucket, limit: int, now: float) -> float:
    """Seconds until the bucket takes one more; 0 when it does now. Forgets what is older than the window."""
    bucket.attempts = [at for at in bucket.attempts if now - WINDOW_S < at]
    if len(bucket.attempts) < limit:
        bucket.is_told = False
        return 0
    return max(bucket.attempts[-limit] + WINDOW_S - now, 1)


def _keep(bucket: LoginBucket, attempts: list[float]) -> None:
    bucket.attempts = attempts
    bucket.expires_at = datetime.fromtimestamp((attempts[-1] if attempts else time.time()) + WINDOW_S, UTC)
    bucket.save()
