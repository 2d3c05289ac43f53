from django.apps import AppConfig
from django.db.models.signals import post_migrate


class TenantsConfig(AppConfig):
    name = "tenants"

    def ready(self) -> None:
        from tenants.audit import triggers
        from tenants.audit.forward import checks  # noqa: F401  (registers itself)

        post_migrate.connect(triggers.ensure, sender=self, dispatch_uid="audit triggers")
