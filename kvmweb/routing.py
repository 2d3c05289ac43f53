"""Sockets: /ws/live/ and /ws/console/."""

from channels.routing import URLRouter
from django.urls import path

from console.consumers import console
from live.consumer import LiveConsumer

websocket = URLRouter(
    [
        path("ws/live/", LiveConsumer.as_asgi()),
        # Both find out themselves who is there, off the event loop and with fewer queries than the session middleware.
        path("ws/console/vnc/<str:guest_id>/", console, {"kind": "vnc"}),  # type: ignore[arg-type]
        path("ws/console/serial/<str:guest_id>/", console, {"kind": "serial"}),  # type: ignore[arg-type]
    ]
)
