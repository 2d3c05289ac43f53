"""A public id of a token that is not made from its digest, and where it was last used from."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("tenants", "0006_tenant_require_mfa")]
    operations = [
        migrations.AddField("apitoken", "last_used_address", models.CharField(blank=True, max_length=64)),
        migrations.AddField("apitoken", "public_id", models.UUIDField(null=True, editable=False)),
    ]
