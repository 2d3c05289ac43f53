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
from hypervisor.broker_client import BrokerError

log = logging.getLogger(__name__)

CLOSING_OF_ERROR = {
    "unreachable": closing.UNREACHABLE,
    "not_found": closing.GONE,
    "not_running": closing.NOT_RUNNING,
    "broker_down": closing.UNAVAILABLE,
}


async def open_line(admission: Admission) -> socket.socket:
    """A connected, non-blocking socket. Raises Refused."""
    ask = broker_client.open_display_async if admission.kind == ConsoleKind.VNC else broker_client.open_serial_async
    try:
        line = await ask(settings.CONSOLE_BROKER_SOCKET, admission.host, admission.domain_uuid)
    except BrokerError as error:
        # Its text names hosts and paths: for the log, not for the tenant.
        log.warning("Console of guest %s: %s: %s", admission.guest.pk, error.code, error)
        raise Refused(_closing_for(error, admission.kind)) from error
    line.setblocking(False)
    return line


def _closing_for(error: BrokerError, kind: str) -> Closing:
    missing = closing.NO_SCREEN if kind == ConsoleKind.VNC else closing.NO_SERIAL
    return CLOSING_OF_ERROR.get(error.code, missing)
