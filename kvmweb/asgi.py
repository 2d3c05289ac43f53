"""The web process: pages and REST through Django, sockets through Channels. It never imports libvirt.

Django runs as WSGI in a few lasting threads. Under its own ASGI handler each request gets a new thread with a new database connection
and hops between loop and thread at every middleware that is not async: twice the time (docs/decisions/0006-pages-in-threads.md).
"""

import os

from a2wsgi import WSGIMiddleware
from channels.routing import ProtocolTypeRouter
from django.core.wsgi import get_wsgi_application
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "kvmweb.settings")
django_app = get_wsgi_application()

from django.conf import settings  # noqa: E402  (models must be loaded first)

from kvmweb.after_answer import answering_first  # noqa: E402
from kvmweb.rest.body_limit import BodyLimit  # noqa: E402
from kvmweb.routing import websocket  # noqa: E402
from kvmweb.static_files import with_static_files  # noqa: E402

http = BodyLimit(WSGIMiddleware(answering_first(django_app), workers=settings.WEB_THREADS))
served = ProtocolTypeRouter({"http": with_static_files(http), "websocket": websocket})
# Here rather than in uvicorn's options, whose default believes every process of this machine: the address is in the audit trail.
application = ProxyHeadersMiddleware(served, settings.TRUSTED_PROXIES)
