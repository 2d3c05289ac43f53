"""Sockets: /ws/live/ and /ws/console/."""

from channels.auth import AuthMiddlewareStack
from channels.routing import URLRouter
from django.urls import path

from live.consumer import LiveConsumer

websocket = AuthMiddlewareStack(URLRouter([path("ws/live/", LiveConsumer.as_asgi())]))
