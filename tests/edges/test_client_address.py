"""X-Forwarded-For is believed from the configured proxies only: the address is in the audit trail and in the limits."""

from __future__ import annotations

import pytest
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

CASES = [
    # trusted, who connects, X-Forwarded-For, whose address it is then
    ([], "192.0.2.9", "203.0.113.1", "192.0.2.9"),
    ([], "127.0.0.1", "203.0.113.1", "127.0.0.1"),
    (["127.0.0.1"], "192.0.2.9", "203.0.113.1", "192.0.2.9"),
    (["127.0.0.1"], "127.0.0.1", "203.0.113.1", "203.0.113.1"),
    # What a client wrote itself stands left of what the proxy added.
    (["127.0.0.1"], "127.0.0.1", "10.0.0.1, 203.0.113.1", "203.0.113.1"),
    (["127.0.0.1", "10.0.0.0/8"], "127.0.0.1", "198.51.100.1, 203.0.113.1, 10.1.2.3", "203.0.113.1"),
]


@pytest.mark.parametrize("kind", ["http", "websocket"])
@pytest.mark.parametrize(("trusted", "peer", "forwarded", "wanted"), CASES)
async def test_only_a_trusted_proxy_speaks_for_others(kind: str, trusted: list[str], peer: str, forwarded: str, wanted: str) -> None:
    seen = {}

    async def app(scope, receive, send) -> None:
        seen.update(scope)

    scope = {"type": kind, "scheme": "http", "client": (peer, 1234), "headers": [(b"x-forwarded-for", forwarded.encode())]}
    await ProxyHeadersMiddleware(app, trusted)(scope, None, None)
    assert seen["client"][0] == wanted


def test_the_product_uses_it_and_nothing_else_does() -> None:
    from kvmweb.asgi import application
    from kvmweb.supervisor import PROJECT

    assert isinstance(application, ProxyHeadersMiddleware)
    assert not application.trusted_hosts.trusted_hosts
    for place in ("kvmweb/supervisor.py", "docker/entrypoint"):
        assert "--no-proxy-headers" in (PROJECT / place).read_text(), place
