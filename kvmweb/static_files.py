"""Static files are answered on the event loop, before Django: from the collected folder, or from the sources while debugging."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib.staticfiles.handlers import ASGIStaticFilesHandler
from servestatic import ServeStaticASGI


def with_static_files(application: Any) -> Any:
    if settings.DEBUG:
        return ASGIStaticFilesHandler(application)
    prefix = settings.STATIC_URL.strip("/")
    return ServeStaticASGI(application, root=str(settings.STATIC_ROOT), prefix=prefix, max_age=60, add_headers_function=_add_headers)


def _add_headers(headers: Any, path: str, url: str) -> None:
    headers["X-Content-Type-Options"] = "nosniff"
    headers["Cross-Origin-Resource-Policy"] = "same-origin"
