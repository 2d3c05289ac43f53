"""How a view answers a whole page, a part of one (htmx), or a dialog, with the same template."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render

from tenants.actor import Actor


class PageRequest(HttpRequest):
    """For type checkers: what tenants.middleware puts on every request. A view behind login_required has an actor."""

    actor: Actor


def is_fragment(request: HttpRequest) -> bool:
    """htmx asks for a part of the page. After Back it asks for the whole."""
    return "HX-Request" in request.headers and "HX-History-Restore-Request" not in request.headers


def dialog(request: HttpRequest, template: str, context: dict[str, Any], *, refused: bool = False) -> HttpResponse:
    """`template` alone inside the page's <dialog>, or on a page of its own where scripts are off."""
    status = 422 if refused else 200
    if is_fragment(request):
        return render(request, template, context, status=status)
    return render(request, "dialog_page.html", {**context, "dialog_template": template}, status=status)


def posted(request: HttpRequest) -> QueryDict | None:
    """The data of a form: also an empty POST binds it."""
    return request.POST if request.method == "POST" else None


def link_to(request: HttpRequest, path: str) -> str:
    """For links that are sent on: below the installation's own name, or else the one this request was made to."""
    return settings.PUBLIC_URL + path if settings.PUBLIC_URL else request.build_absolute_uri(path)


def to(request: HttpRequest, url: str) -> HttpResponse:
    """Go to `url` after a form was done, from a dialog as well as from a page."""
    return HttpResponse(status=204, headers={"HX-Redirect": url}) if is_fragment(request) else redirect(url)
