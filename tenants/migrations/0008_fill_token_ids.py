"""Tokens keep the ids that scripts know."""

from uuid import NAMESPACE_OID, uuid5

from django.db import migrations


def fill(apps, schema_editor):
    tokens = apps.get_model("tenants", "ApiToken")._base_manager
    for digest in tokens.filter(public_id__isnull=True).values_list("pk", flat=True):
        tokens.filter(pk=digest).update(public_id=uuid5(NAMESPACE_OID, digest))


class Migration(migrations.Migration):
    dependencies = [("tenants", "0007_token_ids")]
    operations = [migrations.RunPython(fill, migrations.RunPython.noop)]
