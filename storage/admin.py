"""Admin of images, pools and volumes. An image's words can be changed here; files are the business of jobs."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from kvmweb.admin_site import AuditedAdmin, ReadOnlyAdmin
from storage.models import Image, Pool, Volume
from storage.services.images import change_image

CHANGEABLE = ("name", "description", "os", "min_memory_mib", "has_cloud_init")


@admin.register(Image)
class ImageAdmin(AuditedAdmin):
    list_display = ("name", "kind", "os", "tenant", "state", "size_bytes", "virtual_size_bytes", "created_at")
    list_filter = ("state", "kind", "tenant")
    search_fields = ("name", "os", "description")
    fields = (*CHANGEABLE, *(f.name for f in Image._meta.fields if f.name not in (*CHANGEABLE, "id", "version")))
    readonly_fields = tuple(f.name for f in Image._meta.fields if f.name not in CHANGEABLE)

    def save_model(self, request: HttpRequest, obj: Image, form: Any, change: bool) -> None:
        """Through the service, so that open pages hear of it."""
        changes = {name: form.cleaned_data[name] for name in form.changed_data}
        change_image(request.actor, Image.objects.get(pk=obj.pk), changes)  # type: ignore[attr-defined]

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Pool)
class PoolAdmin(ReadOnlyAdmin):
    list_display = ("name", "host", "type", "path", "is_active", "capacity_bytes", "available_bytes")
    list_filter = ("host", "is_active")
    search_fields = ("name", "path")


@admin.register(Volume)
class VolumeAdmin(ReadOnlyAdmin):
    list_display = ("name", "pool", "tenant", "purpose", "state", "format", "capacity_bytes")
    list_filter = ("purpose", "state")
    search_fields = ("name", "path")
    show_full_result_count = False
