"""Syslog as of RFC 5424, over UDP, TCP, TLS (RFC 5425 framing) or a unix socket."""

from __future__ import annotations

import os
import re
import socket
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC
from urllib.parse import urlsplit

from django.conf import settings

from tenants.audit.forward.entries import Forwarded

FACILITY_LOG_AUDIT = 13
SEVERITY = {"done": 5, "refused": 4, "failed": 3}
"""notice, warning, error."""
PORTS = {"udp": 514, "tcp": 601, "tls": 6514}
TIMEOUT_S = 5.0
ENTERPRISE = "kvmweb@32473"


class BadTarget(ValueError):
    """The setting cannot be used; says why."""


@dataclass(frozen=True, slots=True)
class Syslog:
    kind: str
    host: str
    port: int
    path: str
    ca_file: str = ""

    @staticmethod
    def parse(url: str, *, ca_file: str = "") -> Syslog:
        """udp://host:514, tcp://host:601, tls://host:6514, unix:///dev/log."""
        parts = urlsplit(url)
        if parts.scheme == "unix" and parts.path:
            return Syslog("unix", "", 0, parts.path)
        if parts.scheme not in PORTS or not parts.hostname:
            raise BadTarget("KVMWEB_AUDIT_SYSLOG must be udp://host:port, tcp://host:port, tls://host:port or unix:///path.")
        return Syslog(parts.scheme, parts.hostname, parts.port or PORTS[parts.scheme], "", ca_file)

    def send(self, entries: Sequence[Forwarded]) -> None:
        """Raises OSError when the receiver did not take them all, as far as its protocol can tell."""
        lines = [line_of(entry) for entry in entries]
        if self.kind in ("tcp", "tls"):
            self._send_stream(lines)
        else:
            self._send_datagrams(lines)

    def _send_datagrams(self, lines: list[bytes]) -> None:
        if self.kind == "unix":
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
                sock.settimeout(TIMEOUT_S)
                sock.connect(self.path)
                for line in lines:
                    sock.send(line)
            return
        family, _, _, _, address = socket.getaddrinfo(self.host, self.port, type=socket.SOCK_DGRAM)[0]
        with socket.socket(family, socket.SOCK_DGRAM) as sock:
            sock.settimeout(TIMEOUT_S)
            # Connected, so that a port nobody listens on is an error and not silence.
            sock.connect(address)
            for line in lines:
                sock.send(line)

    def _send_stream(self, lines: list[bytes]) -> None:
        """A connection per batch, closed by us first and then by the receiver: it has read everything, syslog has no other receipt."""
        with socket.create_connection((self.host, self.port), timeout=TIMEOUT_S) as plain, self._wrapped(plain) as sock:
            sock.sendall(b"".join(b"%d %s" % (len(line), line) for line in lines))
            if self.kind == "tls":
                return
            sock.shutdown(socket.SHUT_WR)
            try:
                while sock.recv(4096):
                    pass
            except TimeoutError:
                # Some keep the connection open for ever. What they refuse would have come back as a reset.
                return

    def _wrapped(self, sock: socket.socket) -> socket.socket:
        if self.kind != "tls":
            return sock
        context = ssl.create_default_context(cafile=self.ca_file or None)
        return context.wrap_socket(sock, server_hostname=self.host)


def line_of(entry: Forwarded) -> bytes:
    """<PRI>1 TIME HOST APP PROCID MSGID [chain] BOM JSON."""
    priority = FACILITY_LOG_AUDIT * 8 + SEVERITY.get(entry.outcome, 5)
    at = entry.at.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
    host, app = _name(socket.gethostname(), 255), _name(settings.SITE_NAME, 48)
    chain = f'[{ENTERPRISE} seq="{entry.seq}" hash="{entry.hash}"]'
    return f"<{priority}>1 {at} {host} {app} {os.getpid()} {_name(entry.operation, 32)} {chain} {entry.line}".encode()


def _name(text: str, longest: int) -> str:
    return re.sub(r"[^\x21-\x7e]", "_", text)[:longest] or "-"
