"""Admin of guests: to look at. Changes go through the product's pages, which make jobs of them."""

from __future__ import annotations

from django.contrib import admin

from guests.models import Guest, GuestDisk, GuestNic
from kvmweb.admin_site import ReadOnlyAdmin, ReadOnlyInline


class Disks(ReadOnlyInline):
    model = GuestDisk


class Nics(ReadOnlyInline):
    model = GuestNic


@admin.register(Guest)
class GuestAdmin(ReadOnlyAdmin):
    list_display = ("name", "tenant", "host", "state", "vcpus", "memory_mib", "disk_gib", "primary_address", "is_missing")
    list_filter = ("state", "is_missing", "tenant", "host")
    list_select_related = ("tenant", "host")
    search_fields = ("name", "domain_name", "uuid", "primary_address")
    inlines = (Disks, Nics)
    show_full_result_count = False
