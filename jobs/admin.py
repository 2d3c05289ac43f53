"""Admin of jobs: to look at, with steps and log. Cancel and retry are on the job's page."""

from __future__ import annotations

from django.contrib import admin

from jobs.models import Job, JobLogLine, JobStep
from kvmweb.admin_site import ReadOnlyAdmin, ReadOnlyInline


class Steps(ReadOnlyInline):
    model = JobStep
    fields = ("position", "title", "state", "started_at", "finished_at")


class Log(ReadOnlyInline):
    model = JobLogLine
    readonly_fields = ("at",)
    fields = ("at", "level", "text")


@admin.register(Job)
class JobAdmin(ReadOnlyAdmin):
    list_display = ("title", "kind", "state", "tenant", "actor_label", "created_at", "finished_at")
    list_filter = ("state", "kind")
    search_fields = ("title", "target_name", "actor_label", "request_id")
    date_hierarchy = "created_at"
    exclude = ("args",)
    inlines = (Steps, Log)
    show_full_result_count = False
