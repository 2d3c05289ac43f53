"""A socket at a path that is not one of ours is refused, quietly."""

from __future__ import annotations

import pytest

from kvmweb.routing import websocket
from tests.sockets import WebsocketCommunicator


@pytest.mark.parametrize("path", ["/ws/", "/ws/lives/", "/ws/console/rdp/1/", "/"])
async def test_other_sockets_are_refused(path: str) -> None:
    is_accepted, _ = await WebsocketCommunicator(websocket, path, headers=[]).connect()
    assert not is_accepted
