"""The web process: pages and REST through Django, sockets through Channels. It never imports libvirt."""

import os

from channels.routing import ProtocolTypeRouter
from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "kvmweb.settings")
http = get_asgi_application()

from kvmweb.rest.body_limit import BodyLimit  # noqa: E402  (models must be loaded first)
from kvmweb.routing import websocket  # noqa: E402

application = ProtocolTypeRouter({"http": BodyLimit(http), "websocket": websocket})
