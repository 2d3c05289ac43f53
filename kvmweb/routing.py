"""Sockets: /ws/live/ and /ws/console/."""

from typing import Any

from channels.routing import URLRouter
from django.urls import path, re_path

from console.consumers import console
from live.consumer import LiveConsumer


async def no_such_socket(scope: Any, receive: Any, send: Any) -> None:
    """Refused before it is accepted. Without this each one would be an exception with its traceback in the log, whoever asked."""
    await receive()
    await send({"type": "websocket.close"})


websocket = URLRouter(
    [
        path("ws/live/", LiveConsumer.as_asgi()),
        # Both find out themselves who is there, off the event loop and with fewer queries than the session middleware.
        path("ws/console/vnc/<str:guest_id>/", console, {"kind": "vnc"}),  # type: ignore[arg-type]
        path("ws/console/serial/<str:guest_id>/", console, {"kind": "serial"}),  # type: ignore[arg-type]
        re_path("", no_such_socket),  # type: ignore[arg-type]
    ]
)
