"""HTTPS POST of a batch as JSON, signed: X-Kvmweb-Signature is sha256=HMAC-SHA256(secret, timestamp + "." + body)."""

from __future__ import annotations

import hashlib
import hmac
import http.client
import ssl
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from tenants.audit.forward.entries import Forwarded
from tenants.audit.forward.syslog import BadTarget

TIMEOUT_S = 10.0
LOOPBACK = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True, slots=True)
class Webhook:
    host: str
    port: int
    path: str
    is_tls: bool
    secret: str = field(repr=False)
    ca_file: str = ""

    @staticmethod
    def parse(url: str, *, secret: str, ca_file: str = "") -> Webhook:
        """https://host/path; http only to this machine. An admin chose it, in the environment."""
        parts = urlsplit(url)
        is_tls = parts.scheme == "https"
        if not parts.hostname or not (is_tls or (parts.scheme == "http" and parts.hostname in LOOPBACK)):
            raise BadTarget("KVMWEB_AUDIT_WEBHOOK must be https://host/path; http:// only to this machine.")
        if not secret:
            raise BadTarget("KVMWEB_AUDIT_WEBHOOK_SECRET is empty: the receiver could not tell our posts from anybody's.")
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        return Webhook(parts.hostname, parts.port or (443 if is_tls else 80), path, is_tls, secret, ca_file)

    def send(self, entries: Sequence[Forwarded]) -> None:
        """Raises OSError unless the receiver answered 2xx. A redirect is a failure: the target is the one the admin wrote."""
        body = ('{"entries":[' + ",".join(entry.line for entry in entries) + "]}").encode()
        connection = self._connection()
        try:
            connection.request("POST", self.path, body, self._headers(body, entries))
            answer = connection.getresponse()
            answer.read(65536)
        except http.client.HTTPException as error:
            raise OSError(f"It did not answer HTTP ({type(error).__name__}).") from error
        finally:
            connection.close()
        if not 200 <= answer.status < 300:
            raise OSError(f"It answered {answer.status}" + (", a redirect, which is not followed." if 300 <= answer.status < 400 else "."))

    def _connection(self) -> http.client.HTTPConnection:
        if not self.is_tls:
            return http.client.HTTPConnection(self.host, self.port, timeout=TIMEOUT_S)
        context = ssl.create_default_context(cafile=self.ca_file or None)
        return http.client.HTTPSConnection(self.host, self.port, timeout=TIMEOUT_S, context=context)

    def _headers(self, body: bytes, entries: Sequence[Forwarded]) -> dict[str, str]:
        timestamp = str(int(time.time()))
        return {
            "Content-Type": "application/json",
            "User-Agent": "kvmweb-audit",
            "X-Kvmweb-Timestamp": timestamp,
            "X-Kvmweb-Signature": "sha256=" + signature(self.secret, timestamp, body),
            # The same batch sent again carries the same key.
            "Idempotency-Key": f"{entries[0].seq}-{entries[-1].seq}-{entries[-1].hash[:16]}",
        }


def signature(secret: str, timestamp: str, body: bytes) -> str:
    return hmac.new(secret.encode(), timestamp.encode() + b"." + body, hashlib.sha256).hexdigest()
