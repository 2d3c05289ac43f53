"""At most ten failures in fifteen minutes for an account from one address, and sixty for an address over all accounts.

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

    def succeeded(self) -> None:
        """Who knows the secret starts again with ten; the address gets only its own attempt back, or one's own account would free it."""
        with transaction.atomic():
            for key in (self.address, self.pair):
                bucket = LoginBucket.objects.select_for_update().filter(key=key).first()
                if bucket is None:
                    continue
                left = [] if key == self.pair else without(bucket.attempts, self.at)
                _keep(bucket, left)


def begin(kind: str, account: str, address: str) -> Attempt:
    """Reserve one attempt, or raise TooManyAttempts. `kind`: password, code, reset; each is counted for itself in the pair."""
    network = network_of(address)
    attempt = Attempt(at=time.time(), pair=_key("pair", kind, account, network), address=_key("address", network))
    with transaction.atomic():
        # Always in this order, so that two attempts never wait for each other.
        of_address, of_pair = _locked(attempt.address), _locked(attempt.pair)
        wait_s = max(_wait(of_address, PER_ADDRESS, attempt.at), _wait(of_pair, PER_PAIR, attempt.at))
        is_news = wait_s > 0 and not (of_address.is_told or of_pair.is_told)
        if wait_s <= 0:
            for bucket in (of_address, of_pair):
                _keep(bucket, [*bucket.attempts, attempt.at])
        elif is_news:
            of_pair.is_told = of_address.is_told = True
            for bucket in (of_address, of_pair):
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
