"""Takes the chain from where it stopped to the receivers, and keeps anchors. A thread of beat: clicks, workers and redis are not involved.

The cursor's row is moved only after the receiver took a batch, so a crash in between sends that batch again. A lease on the row keeps a
second beat from sending too.
"""

from __future__ import annotations

import logging
import os
import socket
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache
from typing import Any, Protocol

from django.conf import settings
from django.db import close_old_connections, connections
from django.db.models import Q
from django.utils import timezone

from tenants.audit import anchors, chain
from tenants.audit.forward import entries
from tenants.audit.forward.entries import Forwarded
from tenants.audit.forward.syslog import BadTarget, Syslog
from tenants.audit.forward.webhook import Webhook
from tenants.models import AuditCursor

logger = logging.getLogger(__name__)

EVERY_S = 1.0
ANCHOR_EVERY_S = 60.0
BATCH, MOST_BATCHES = 100, 50
LEASE_S = 60
LONGEST_WAIT_S = 300


class Receiver(Protocol):
    def send(self, batch: Sequence[Forwarded], /) -> None: ...


@dataclass(frozen=True, slots=True)
class ForwardState:
    """For the audit page: `behind` entries have not been taken yet."""

    name: str
    where: str
    behind: int
    sent_at: Any
    error: str
    next_try_at: Any


def receivers() -> dict[str, Receiver]:
    """Raises BadTarget."""
    found: dict[str, Receiver] = {}
    if settings.AUDIT_SYSLOG:
        found["syslog"] = Syslog.parse(settings.AUDIT_SYSLOG, ca_file=settings.AUDIT_FORWARD_CA)
    if settings.AUDIT_WEBHOOK:
        found["webhook"] = Webhook.parse(settings.AUDIT_WEBHOOK, secret=settings.AUDIT_WEBHOOK_SECRET, ca_file=settings.AUDIT_FORWARD_CA)
    return found


def forward_all() -> None:
    """One look at each receiver; one that fails does not hold up the other."""
    try:
        found = receivers()
    except BadTarget as error:
        _say_once(str(error))
        return
    for name, receiver in found.items():
        try:
            forward(name, receiver)
        except Exception:
            logger.exception("Forwarding the audit trail to %s failed; it goes on from where it stopped.", name)


@lru_cache(maxsize=8)
def _say_once(sentence: str) -> None:
    logger.error("The audit trail is not forwarded: %s", sentence)


def forward(name: str, receiver: Receiver) -> int:
    """How many were taken. Stops at the first failure; the wait until the next try doubles up to five minutes."""
    cursor = _claim(name) if _has_news(name) else None
    if cursor is None:
        return 0
    taken = 0
    try:
        for _ in range(MOST_BATCHES):
            batch = entries.after(cursor.seq, limit=BATCH)
            if not batch:
                break
            receiver.send(batch)
            taken += len(batch)
            _moved(cursor, batch[-1].seq)
    except OSError as error:
        _failed(cursor, error)
    finally:
        AuditCursor.objects.filter(pk=name, lease_owner=_me()).update(lease_owner="", lease_expires_at=None)
    return taken


def _has_news(name: str) -> bool:
    """Reads only: an idle installation writes nothing each second."""
    taken = AuditCursor.objects.filter(pk=name).values_list("seq", flat=True).first() or 0
    return chain.head().seq > taken


def _claim(name: str) -> AuditCursor | None:
    """None when another sender holds it, or when it is not time yet to try again."""
    AuditCursor.objects.get_or_create(pk=name)
    now = timezone.now()
    free = Q(lease_owner__in=("", _me())) | Q(lease_expires_at__lt=now)
    due = Q(next_try_at__isnull=True) | Q(next_try_at__lte=now)
    lease = {"lease_owner": _me(), "lease_expires_at": now + timedelta(seconds=LEASE_S)}
    if not AuditCursor.objects.filter(free, due, pk=name).update(**lease):
        return None
    return AuditCursor.objects.get(pk=name)


def _moved(cursor: AuditCursor, seq: int) -> None:
    now = timezone.now()
    held = AuditCursor.objects.filter(pk=cursor.pk, lease_owner=_me())
    fields = {"seq": seq, "sent_at": now, "failures": 0, "error": "", "next_try_at": None}
    if not held.update(**fields, lease_expires_at=now + timedelta(seconds=LEASE_S)):
        raise OSError("Another sender took over.")
    cursor.seq, cursor.failures = seq, 0


def _failed(cursor: AuditCursor, error: OSError) -> None:
    wait_s = min(LONGEST_WAIT_S, 2 ** min(cursor.failures, 10))
    said = f"{error.strerror or error}"[:300]
    logger.warning("The audit trail could not be forwarded to %s: %s Trying again in %s s.", cursor.pk, said, wait_s)
    AuditCursor.objects.filter(pk=cursor.pk, lease_owner=_me()).update(
        failures=cursor.failures + 1, error=said, next_try_at=timezone.now() + timedelta(seconds=wait_s)
    )


def _me() -> str:
    return f"{socket.gethostname()[:40]}/{os.getpid()}/{threading.get_ident() % 10**6}"


def states() -> list[ForwardState]:
    """Of the receivers that are configured; where they are is told without user, password and path."""
    targets = {"syslog": settings.AUDIT_SYSLOG, "webhook": settings.AUDIT_WEBHOOK}
    cursors = AuditCursor.objects.in_bulk([name for name, url in targets.items() if url])
    end = chain.head().seq
    found = []
    for name, url in targets.items():
        if url:
            cursor = cursors.get(name) or AuditCursor(name=name)
            where = url.split("?")[0].split("@")[-1].split("://")[-1]
            found.append(ForwardState(name, where, end - cursor.seq, cursor.sent_at, cursor.error, cursor.next_try_at))
    return found


# -- the thread in beat -----------------------------------------------------------------------------------------------------------
def start_thread() -> threading.Event:
    stop = threading.Event()
    threading.Thread(target=_run_until, args=(stop,), name="audit-courier", daemon=True).start()
    return stop


def _run_until(stop: threading.Event) -> None:
    turns = 0
    while not stop.wait(EVERY_S):
        close_old_connections()
        forward_all()
        if turns % int(ANCHOR_EVERY_S / EVERY_S) == 0:
            _keep_anchor()
        turns += 1
    connections.close_all()


def _keep_anchor() -> None:
    try:
        anchors.write()
    except Exception:
        logger.exception("The anchor of the audit trail could not be written; the next minute tries again.")
