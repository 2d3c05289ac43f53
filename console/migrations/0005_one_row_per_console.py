"""Ticket and session become one row. Nothing is carried over: a ticket lives 30 s, and every open console reconnects by itself."""

import uuid

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

KINDS = [("vnc", "screen"), ("serial", "serial line")]
MODES = [("control", "control"), ("view", "view only")]


class Migration(migrations.Migration):
    dependencies = [
        ("console", "0004_session_revocation"),
        ("guests", "0002_initial"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.DeleteModel("ConsoleTicket"),
        migrations.DeleteModel("ConsoleSession"),
        migrations.CreateModel(
            name="ConsoleSession",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("ticket_hash", models.CharField(max_length=64, unique=True)),
                ("login_hash", models.CharField(db_index=True, max_length=64)),
                ("kind", models.CharField(choices=KINDS, max_length=8)),
                ("mode", models.CharField(choices=MODES, max_length=8)),
                ("address", models.CharField(blank=True, max_length=64)),
                ("issued_at", models.DateTimeField(auto_now_add=True)),
                ("expires_at", models.DateTimeField(db_index=True)),
                ("opened_at", models.DateTimeField(null=True)),
                ("revoked_at", models.DateTimeField(null=True)),
                ("closed_at", models.DateTimeField(null=True)),
                ("close_reason", models.CharField(blank=True, max_length=100)),
                (
                    "guest",
                    models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name="console_sessions", to="guests.guest"),
                ),
                ("user", models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to=settings.AUTH_USER_MODEL)),
            ],
            options={"ordering": ["-issued_at"]},
        ),
    ]
