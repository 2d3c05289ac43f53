"""Django admin behind the product's own login, for staff only."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.http import urlencode


class KvmwebAdminSite(admin.AdminSite):
    site_header = "kvmweb administration"
    site_title = "kvmweb admin"
    index_title = "Quotas, users and hosts"
    site_url = "/"
    enable_nav_sidebar = True

    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """One door: the product's login page."""
        return redirect("/login/?" + urlencode({"next": request.GET.get("next", "/admin/")}))
