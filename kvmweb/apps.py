"""The branded Django admin, and the project's own checks."""

from django.contrib.admin.apps import AdminConfig


class KvmwebAdminConfig(AdminConfig):
    default_site = "kvmweb.admin_site.KvmwebAdminSite"

    def ready(self) -> None:
        super().ready()
        from kvmweb import checks  # noqa: F401
