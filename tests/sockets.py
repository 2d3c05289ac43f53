"""A WebSocket client against an ASGI application, in process. Channels' own needs daphne to be installed only to be imported."""

from __future__ import annotations

from typing import Any

import orjson
from asgiref.testing import ApplicationCommunicator


class WebsocketCommunicator(ApplicationCommunicator):
    """The calls of channels.testing.WebsocketCommunicator that our tests use."""

    def __init__(self, application: Any, path: str, *, headers: list[tuple[bytes, bytes]], subprotocols: tuple[str, ...] = ()) -> None:
        route, _, query = path.partition("?")
        scope = {
            "type": "websocket",
            "scheme": "ws",
            "path": route,
            "query_string": query.encode(),
            "headers": headers,
            "subprotocols": list(subprotocols),
            "client": ("127.0.0.1", 40000),
        }
        super().__init__(application, scope)

    async def connect(self, *, timeout: float = 5) -> tuple[bool, Any]:
        """(accepted, its subprotocol), or (False, the close code)."""
        await self.send_input({"type": "websocket.connect"})
        answer = await self.receive_output(timeout)
        return (True, answer.get("subprotocol")) if answer["type"] == "websocket.accept" else (False, answer.get("code", 1000))

    async def send_to(self, *, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        await self.send_input({"type": "websocket.receive", "text": text_data, "bytes": bytes_data})

    async def send_json_to(self, value: Any) -> None:
        await self.send_to(text_data=orjson.dumps(value).decode())

    async def receive_from(self, *, timeout: float = 5) -> str | bytes:
        answer = await self.receive_output(timeout)
        assert answer["type"] == "websocket.send", answer
        return answer["text"] if answer.get("text") is not None else answer["bytes"]

    async def receive_json_from(self, *, timeout: float = 5) -> Any:
        return orjson.loads(await self.receive_from(timeout=timeout))

    async def disconnect(self, *, code: int = 1000) -> None:
        await self.send_input({"type": "websocket.disconnect", "code": code})
        await self.wait(5)
