"""Sockets: /ws/live/ and /ws/console/."""

from channels.auth import AuthMiddlewareStack
from channels.routing import URLRouter
from django.urls import path

from console.consumers import console
from live.consumer import LiveConsumer

websocket = URLRouter(
    [
        path("ws/live/", AuthMiddlewareStack(LiveConsumer.as_asgi())),
        # Its ticket says who it is for: no session middleware, no queries before the ticket.
        path("ws/console/vnc/<str:guest_id>/", console, {"kind": "vnc"}),  # type: ignore[arg-type]
        path("ws/console/serial/<str:guest_id>/", console, {"kind": "serial"}),  # type: ignore[arg-type]
    ]
)
