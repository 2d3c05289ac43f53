"""Forwarding: in the order of the chain, nothing left out, again after a failure, and never through a redirect."""

from __future__ import annotations

import json
import re
import socket
import ssl
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from django.utils import timezone

from tenants import audit
from tenants.audit import anchors, chain
from tenants.audit.forward import courier
from tenants.audit.forward.checks import receivers_can_be_used
from tenants.audit.forward.syslog import BadTarget, Syslog
from tenants.audit.forward.webhook import Webhook, signature
from tenants.models import AuditCursor

pytestmark = pytest.mark.django_db(transaction=True)
FIVE = [1, 2, 3, 4, 5]
LINE = re.compile(rb'<(\d+)>1 (\S+Z) (\S+) (\S+) (\d+) (\S+) \[kvmweb@32473 seq="(\d+)" hash="([0-9a-f]{64})"\] (\{.*\})', re.S)


class Receiver(BaseHTTPRequestHandler):
    """Answers with the next of `answers`, else 200; keeps what it got."""

    answers: list[int] = []
    got: list[tuple[str, dict[str, str], bytes]] = []

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        type(self).got.append((self.path, dict(self.headers), body))
        status = type(self).answers.pop(0) if type(self).answers else 200
        self.send_response(status)
        if 300 <= status < 400:
            self.send_header("Location", "/elsewhere")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *args: Any) -> None:
        pass


@pytest.fixture
def web() -> Iterator[type[Receiver]]:
    Receiver.answers, Receiver.got = [], []
    server = ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
    Thread(target=server.serve_forever, daemon=True).start()
    Receiver.port = server.server_port  # type: ignore[attr-defined]
    yield Receiver
    server.shutdown()
    server.server_close()


@pytest.fixture
def hook(web: Any) -> Webhook:
    return Webhook.parse(f"http://127.0.0.1:{web.port}/audit?x=1", secret="s3cret")


def numbers(got: list[Any]) -> list[int]:
    return [entry["seq"] for _, _, body in got for entry in json.loads(body)["entries"]]


def due() -> None:
    AuditCursor.objects.update(next_try_at=timezone.now() - timedelta(seconds=1))


def test_the_webhook_gets_all_in_order_and_signed(write: Any, web: Any, hook: Webhook) -> None:
    write(250)
    assert courier.forward("webhook", hook) == 250
    assert numbers(web.got) == list(range(1, 251))
    path, headers, body = web.got[0]
    assert path == "/audit?x=1"
    assert headers["X-Kvmweb-Signature"] == "sha256=" + signature("s3cret", headers["X-Kvmweb-Timestamp"], body)
    first = json.loads(body)["entries"][0]
    assert (first["operation"], first["actor"]["label"], len(first["hash"])) == ("guest.change0", "system:test", 64)
    assert courier.forward("webhook", hook) == 0, "nothing new"


def test_a_refusal_is_tried_again_later_from_where_it_stopped(write: Any, web: Any, hook: Webhook) -> None:
    write(150)
    web.answers = [200, 500]
    assert courier.forward("webhook", hook) == 100
    cursor = AuditCursor.objects.get()
    assert (cursor.seq, cursor.failures, cursor.error) == (100, 1, "It answered 500.")
    assert courier.forward("webhook", hook) == 0, "not yet"
    assert len(web.got) == 2
    due()
    assert courier.forward("webhook", hook) == 50
    assert numbers(web.got) == [*range(1, 151), *range(101, 151)], "at least once, in order"
    assert web.got[1][1]["Idempotency-Key"] == web.got[2][1]["Idempotency-Key"]
    assert AuditCursor.objects.get().failures == 0


def test_the_wait_doubles_up_to_five_minutes(write: Any, web: Any, hook: Webhook) -> None:
    write(1)
    waits = []
    for _ in range(11):
        web.answers = [503]
        due()
        courier.forward("webhook", hook)
        waits.append(round((AuditCursor.objects.get().next_try_at - timezone.now()).total_seconds()))
    assert waits == [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300]


def test_a_redirect_is_not_followed(write: Any, web: Any, hook: Webhook) -> None:
    write(1)
    web.answers = [302]
    assert courier.forward("webhook", hook) == 0
    assert [path for path, _, _ in web.got] == ["/audit?x=1"]
    assert "redirect" in AuditCursor.objects.get().error


def test_a_receiver_that_is_away_holds_nothing_up_but_itself(write: Any, web: Any, settings: Any) -> None:
    write(5)
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        settings.AUDIT_SYSLOG = f"tcp://127.0.0.1:{unused.getsockname()[1]}"
    settings.AUDIT_WEBHOOK, settings.AUDIT_WEBHOOK_SECRET = f"http://127.0.0.1:{web.port}/", "x"
    courier.forward_all()
    assert numbers(web.got) == FIVE
    states = {state.name: state for state in courier.states()}
    assert (states["webhook"].behind, states["syslog"].behind) == (0, 5)
    assert "refused" in states["syslog"].error


def test_a_crash_between_sending_and_noting_sends_again(write: Any, web: Any, hook: Webhook, monkeypatch: pytest.MonkeyPatch) -> None:
    write(5)

    def crash(*args: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as broken:
        broken.setattr(courier, "_moved", crash)
        with pytest.raises(KeyboardInterrupt):
            courier.forward("webhook", hook)
    courier.forward("webhook", hook)
    assert numbers(web.got) == FIVE + FIVE


def test_a_second_sender_waits_for_the_lease_of_the_first(write: Any, web: Any, hook: Webhook) -> None:
    write(5)
    lease = timezone.now() + timedelta(seconds=60)
    AuditCursor.objects.create(name="webhook", lease_owner="another/1/1", lease_expires_at=lease)
    assert courier.forward("webhook", hook) == 0
    AuditCursor.objects.update(lease_expires_at=timezone.now() - timedelta(seconds=1))
    assert courier.forward("webhook", hook) == 5


def test_a_click_does_not_wait_for_a_receiver_that_hangs(actor: Any, settings: Any) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        settings.AUDIT_WEBHOOK, settings.AUDIT_WEBHOOK_SECRET = f"http://127.0.0.1:{silent.getsockname()[1]}/", "x"
        audit.record(actor, "guest.start", "done")
        thread = Thread(target=courier.forward_all, daemon=True)
        thread.start()
        time.sleep(0.2)
        started = time.perf_counter()
        audit.record(actor, "guest.start", "done")
        assert time.perf_counter() - started < 0.2
    thread.join(30)


# -- syslog -------------------------------------------------------------------------------------------------------------------------
def parsed(line: bytes) -> tuple[int, dict[str, Any]]:
    found = LINE.fullmatch(line)
    assert found, line
    assert len(line) <= 4096
    return int(found[7]), {"priority": int(found[1]), "operation": found[6].decode(), **json.loads(found[9])}


def framed(stream: bytes) -> list[bytes]:
    lines = []
    while stream:
        size, _, rest = stream.partition(b" ")
        lines.append(rest[: int(size)])
        stream = rest[int(size) :]
    return lines


def test_udp(actor: Any) -> None:
    audit.record(
        actor, "guest.change", "refused", message="line\nbreak \u2028 and a lot " + "\U0001f600" * 3000, details={"big": ["x" * 900] * 15}
    )
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listener:
        listener.bind(("127.0.0.1", 0))
        listener.settimeout(5)
        assert courier.forward("syslog", Syslog.parse(f"udp://127.0.0.1:{listener.getsockname()[1]}")) == 1
        line = listener.recv(65536)
    assert b"\n" not in line
    seq, entry = parsed(line)
    assert (seq, entry["priority"], entry["operation"]) == (1, 13 * 8 + 4, "guest.change")
    assert entry["details"] == {"dropped": "too long for a line"}


def test_unix_socket(write: Any, tmp_path: Path) -> None:
    write(5)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(str(tmp_path / "log"))
        listener.settimeout(5)
        courier.forward("syslog", Syslog.parse(f"unix://{tmp_path}/log"))
        assert [parsed(listener.recv(65536))[0] for _ in FIVE] == FIVE


def serve_once(wrap: Callable[[socket.socket], socket.socket] = lambda plain: plain) -> tuple[int, list[bytes], Thread]:
    server = socket.create_server(("127.0.0.1", 0))
    got: list[bytes] = []

    def serve() -> None:
        with server, suppress(ssl.SSLError):
            server.settimeout(10)
            plain, _ = server.accept()
            with wrap(plain) as connection:
                while data := connection.recv(65536):
                    got.append(data)

    thread = Thread(target=serve, daemon=True)
    thread.start()
    return server.getsockname()[1], got, thread


def test_tcp_with_octet_counts(write: Any) -> None:
    write(5)
    port, got, thread = serve_once()
    assert courier.forward("syslog", Syslog.parse(f"tcp://127.0.0.1:{port}")) == 5
    thread.join(5)
    assert [parsed(line)[0] for line in framed(b"".join(got))] == FIVE


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    pem = tmp_path / "both.pem"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=localhost"]
    extra = ["-addext", "subjectAltName=DNS:localhost", "-keyout", str(tmp_path / "key.pem"), "-out", str(pem)]
    subprocess.run([*command, *extra], check=True, capture_output=True)
    return pem


def test_tls_checks_the_certificate(write: Any, certificate: Path) -> None:
    write(5)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, certificate.parent / "key.pem")

    def wrap(plain: socket.socket) -> socket.socket:
        return context.wrap_socket(plain, server_side=True)

    port, got, thread = serve_once(wrap)
    assert courier.forward("syslog", Syslog.parse(f"tls://localhost:{port}")) == 0, "nobody vouches for it"
    assert "certificate" in AuditCursor.objects.get().error.lower()
    due()
    port, got, thread = serve_once(wrap)
    assert courier.forward("syslog", Syslog.parse(f"tls://localhost:{port}", ca_file=str(certificate))) == 5
    thread.join(5)
    assert [parsed(line)[0] for line in framed(b"".join(got))] == FIVE


# -- settings, anchors ----------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("url", ["http://example.org/x", "ftp://example.org", "https://", "nonsense", "http://127.0.0.1.example.org/"])
def test_a_webhook_is_https_or_this_machine(url: str) -> None:
    with pytest.raises(BadTarget, match="https"):
        Webhook.parse(url, secret="x")
    with pytest.raises(BadTarget, match="SECRET"):
        Webhook.parse("https://example.org/x", secret="")


@pytest.mark.parametrize("url", ["http://x", "udp://", "unix://", "x"])
def test_a_bad_syslog_target_is_said_and_nothing_sent(url: str, settings: Any, write: Any) -> None:
    with pytest.raises(BadTarget, match="udp://host:port"):
        Syslog.parse(url)
    settings.AUDIT_SYSLOG = url
    write(1)
    courier.forward_all()
    assert not AuditCursor.objects.exists()


def test_the_check_at_start_names_a_bad_target(settings: Any) -> None:
    settings.AUDIT_SYSLOG = "nonsense"
    (message,) = receivers_can_be_used()
    assert "KVMWEB_AUDIT_SYSLOG must be" in message.msg
    settings.AUDIT_SYSLOG = ""
    assert receivers_can_be_used() == []


def test_nothing_new_writes_nothing(write: Any, hook: Webhook, web: Any, django_assert_num_queries: Any) -> None:
    write(1)
    courier.forward("webhook", hook)
    with django_assert_num_queries(2):
        courier.forward("webhook", hook)


def test_a_secret_is_in_no_repr(hook: Webhook) -> None:
    assert "s3cret" not in repr(hook)


def test_anchors_are_thinned_and_still_read(write: Any, settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.DATA_DIR = tmp_path
    monkeypatch.setattr(anchors, "LARGEST_BYTES", 500)
    for _ in range(20):
        write(1)
        anchors.write()
    kept = anchors.read(anchors.anchor_file())
    assert kept[-1].seq == chain.head().seq == 20
    assert len(kept) < 20
    assert (tmp_path / "audit").stat().st_mode & 0o077 == 0


def test_beats_thread_forwards_and_keeps_anchors_by_itself(
    write: Any, web: Any, settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.DATA_DIR = tmp_path
    settings.AUDIT_WEBHOOK, settings.AUDIT_WEBHOOK_SECRET = f"http://127.0.0.1:{web.port}/", "x"
    monkeypatch.setattr(courier, "EVERY_S", 0.05)
    write(5)
    stop = courier.start_thread()
    try:
        until = time.monotonic() + 20
        while time.monotonic() < until and not (web.got and anchors.anchor_file().exists()):
            time.sleep(0.05)
    finally:
        stop.set()
    time.sleep(0.3)
    assert numbers(web.got) == FIVE
    assert anchors.last().seq == 5
