"""Which names an installation answers to when nobody configured any, and that pages, REST and sockets agree about it."""

from __future__ import annotations

from typing import Any

import pytest
from django.http.request import split_domain_port, validate_host
from django.test import Client

from kvmweb.own_names import default_hosts
from live.origin import is_our_origin

OURS = ("127.0.0.1", "192.0.2.7:8000", "[::1]:8000", "[2001:db8::1]", "localhost:8000", "kvm1", "kvm1.lan", "kvm1.home.arpa:8443")
FOREIGN = (
    "evil.example",
    "kvm1.evil.example",
    "127.0.0.1.evil.example",
    "localhost.evil.example",
    "xn--lan-0ra.evil",
    "0x7f.1.evil",
    "*",
    "a.*",
)


@pytest.mark.parametrize(("host", "is_ours"), [*((host, True) for host in OURS), *((host, False) for host in FOREIGN)])
def test_what_dns_rebinding_cannot_reach(host: str, is_ours: bool, settings: Any) -> None:
    settings.ALLOWED_HOSTS = default_hosts()
    assert validate_host(split_domain_port(host)[0], settings.ALLOWED_HOSTS) is is_ours
    assert Client(HTTP_HOST=host).get("/healthz").status_code == (200 if is_ours else 400)
    headers = [(b"host", host.encode()), (b"origin", f"http://{host}".encode())]
    assert is_our_origin({"headers": headers, "scheme": "ws"}) is is_ours


@pytest.mark.parametrize(("path", "status"), [("/login/", 400), ("/api/v1/me/", 400), ("/no-such-page/", 400)])
def test_another_name_is_told_what_to_do(path: str, status: int, settings: Any, db: None) -> None:
    settings.ALLOWED_HOSTS = default_hosts()
    answer = Client(HTTP_HOST="evil.example").get(path)
    assert answer.status_code == status
    assert "KVMWEB_ALLOWED_HOSTS" in answer.content.decode()
    assert "evil.example" not in answer.content.decode()


def test_configured_names_are_the_only_ones(settings: Any, db: None) -> None:
    settings.ALLOWED_HOSTS = ["kvm.example.org"]
    assert Client(HTTP_HOST="kvm.example.org").get("/login/").status_code == 200
    assert Client(HTTP_HOST="127.0.0.1").get("/login/").status_code == 400
