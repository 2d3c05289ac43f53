"""Print a new API token: `manage.py create_token USER --scope admin --name N`."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction

from tenants import audit
from tenants.actor import system_actor
from tenants.models import ApiToken, AuditEntry, Tenant, TokenScope, User


class Command(BaseCommand):
    help = "Make an API token and print it. It is shown once: only its hash is kept."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("username")
        parser.add_argument("--scope", choices=TokenScope.values, default=TokenScope.READ)
        parser.add_argument("--name", default="command line")
        parser.add_argument("--tenant", help="name of the only tenant the token is for")
        parser.add_argument("--days", type=int, help="days until it expires; never by default")

    def handle(self, *args: Any, **options: Any) -> None:
        user = User.objects.filter(username=options["username"]).first()
        if user is None:
            known = ", ".join(User.objects.values_list("username", flat=True)[:10])
            raise CommandError(f"There is no user {options['username']!r}. Users: {known or 'none yet; run script/server first'}.")
        tenant = None
        if options["tenant"]:
            tenant = Tenant.objects.filter(name=options["tenant"]).first()
            if tenant is None:
                raise CommandError(f"There is no tenant {options['tenant']!r}.")
        expiry = timedelta(days=options["days"]) if options["days"] else None
        with transaction.atomic():
            token, key = ApiToken.objects.create(user=user, expiry=expiry, name=options["name"], scope=options["scope"], tenant=tenant)
            details = {"owner": user.username, "scope": token.scope, "begins_with": token.prefix, "expires_at": token.expiry}
            audit.record(system_actor("create_token"), "token.create", AuditEntry.Outcome.DONE, target=token, details=details)
        self.stdout.write(key)
