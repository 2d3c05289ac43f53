"""Every token has its id."""

import uuid

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("tenants", "0008_fill_token_ids")]
    operations = [
        migrations.AlterField("apitoken", "public_id", models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
    ]
