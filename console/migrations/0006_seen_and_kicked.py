"""What a console does while it is open, and who was thrown out. The last two columns and indexes are for the list and the caps."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("console", "0005_one_row_per_console")]

    operations = [
        migrations.AddField("consolesession", "seen_at", models.DateTimeField(null=True)),
        migrations.AddField("consolesession", "active_at", models.DateTimeField(null=True)),
        migrations.AddField("consolesession", "to_viewer_bytes", models.BigIntegerField(default=0)),
        migrations.AddField("consolesession", "to_guest_bytes", models.BigIntegerField(default=0)),
        migrations.AddField("consolesession", "is_kicked", models.BooleanField(default=False)),
        migrations.AddIndex(
            "consolesession",
            models.Index(condition=models.Q(("closed_at__isnull", True)), fields=["user"], name="console_open_of_user"),
        ),
        migrations.AddIndex(
            "consolesession",
            models.Index(condition=models.Q(("closed_at__isnull", True)), fields=["address"], name="console_open_from_address"),
        ),
    ]
