"""The branded Django admin."""

from django.contrib.admin.apps import AdminConfig


class KvmwebAdminConfig(AdminConfig):
    default_site = "kvmweb.admin_site.KvmwebAdminSite"
