"""The OpenAPI document of this installation, and the page that shows it. The same document is kept in docs/openapi.yaml."""

from __future__ import annotations

from functools import cache
from typing import Any

from django.contrib.auth.mixins import LoginRequiredMixin
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views import View
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.types import OpenApiTypes

from kvmweb.rest.views import ApiView, endpoint


@cache
def document() -> dict[str, Any]:
    """Made once per process: the same for everybody, and half a second of work."""
    return dict(SchemaGenerator().get_schema(request=None, public=True))


class SchemaView(ApiView):
    @endpoint("get_schema", answer=OpenApiTypes.OBJECT)
    def get(self) -> Any:
        """This document."""
        return document()


class DocsView(LoginRequiredMixin, View):
    """Swagger UI from our own server; its one script of configuration is a file, as the content security policy wants."""

    def get(self, request: HttpRequest) -> HttpResponse:
        return render(request, "api_docs.html")
