"""Sockets: /ws/live/ and /ws/console/."""

from channels.auth import AuthMiddlewareStack
from channels.routing import URLRouter

websocket = AuthMiddlewareStack(URLRouter([]))
