"""Admin of hosts: limits can be changed, what was observed cannot. Adding and removing is on the hosts page."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from hosts.models import Host
from hosts.services import CHANGEABLE, change_host
from kvmweb.admin_site import AuditedAdmin

HIDDEN = ("id", "version", "machines")


@admin.register(Host)
class HostAdmin(AuditedAdmin):
    list_display = ("name", "kind", "state", "state_since", "cpus", "memory_mib", "acceleration", "libvirt_version", "is_enabled")
    list_filter = ("state", "kind", "acceleration")
    search_fields = ("name", "hostname", "description")
    fieldsets = (
        (None, {"fields": CHANGEABLE}),
        ("As observed", {"fields": tuple(f.name for f in Host._meta.fields if f.name not in (*CHANGEABLE, *HIDDEN))}),
    )
    readonly_fields = tuple(f.name for f in Host._meta.fields if f.name not in (*CHANGEABLE, *HIDDEN))

    def save_model(self, request: HttpRequest, obj: Host, form: Any, change: bool) -> None:
        """Through the service, so that the watcher and open pages hear of it."""
        changes = {name: form.cleaned_data[name] for name in form.changed_data}
        change_host(request.actor, Host.objects.get(pk=obj.pk), changes)  # type: ignore[attr-defined]

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False
