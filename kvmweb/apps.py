"""The branded Django admin, and the project's own checks."""

from django.contrib.admin.apps import SimpleAdminConfig


class KvmwebAdminConfig(SimpleAdminConfig):
    """Every app's admin.py is imported with the URLs: worker, watcher and beat have none, and would carry all services for it."""

    default_site = "kvmweb.admin_site.KvmwebAdminSite"

    def ready(self) -> None:
        super().ready()
        from kvmweb import checks  # noqa: F401
