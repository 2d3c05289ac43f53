"""Gets a guest's display or serial line from the console broker, and says in a tenant's words why it cannot."""

from __future__ import annotations

import logging
import socket

from django.conf import settings

from console import closing
from console.admission import Admission
from console.closing import Closing, Refused
from console.models import ConsoleKind
from hypervisor import broker_client
from hypervisor.broker_client import Asked, BrokerError, RequestKind

log = logging.getLogger(__name__)

BROKERS_WORD: dict[ConsoleKind, RequestKind] = {ConsoleKind.VNC: "display", ConsoleKind.SERIAL: "serial"}
CLOSING_OF_ERROR = {
    "unreachable": closing.UNREACHABLE,
    "not_found": closing.GONE,
    "not_running": closing.NOT_RUNNING,
    "broker_down": closing.UNAVAILABLE,
}


def ask(admission: Admission) -> Asked:
    """Have the broker open it; `take` what it gives. Raises Refused."""
    try:
        return broker_client.ask(
            settings.CONSOLE_BROKER_SOCKET, BROKERS_WORD[ConsoleKind(admission.kind)], admission.host, admission.domain_uuid
        )
    except BrokerError as error:
        raise _refused(admission, error) from error


async def take(admission: Admission, asked: Asked) -> socket.socket:
    """A connected, non-blocking socket. Raises Refused."""
    try:
        line = await broker_client.take(asked)
    except BrokerError as error:
        raise _refused(admission, error) from error
    line.setblocking(False)
    return line


def _refused(admission: Admission, error: BrokerError) -> Refused:
    # Its text names hosts and paths: for the log, not for the tenant.
    log.warning("Console of guest %s: %s: %s", admission.guest.pk, error.code, error)
    return Refused(_closing_for(error, admission.kind))


def _closing_for(error: BrokerError, kind: str) -> Closing:
    missing = closing.NO_SCREEN if kind == ConsoleKind.VNC else closing.NO_SERIAL
    return CLOSING_OF_ERROR.get(error.code, missing)
