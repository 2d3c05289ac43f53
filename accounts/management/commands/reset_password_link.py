"""manage.py reset_password_link USER: prints a link that sets a new password once, for people who cannot get an e-mail."""

from __future__ import annotations

from typing import Any

import environ
from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts.links import reset_link
from accounts.names import user_called
from kvmweb.errors import KvmwebError
from tenants import audit
from tenants.actor import system_actor
from tenants.models import AuditEntry

env = environ.Env()


class Command(BaseCommand):
    help = "Print a link with which USER chooses a new password. It works once, for a day."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("user")

    def handle(self, *args: Any, **options: Any) -> None:
        user = user_called(options["user"])
        if user is None:
            raise CommandError(f'There is no user "{options["user"]}".')
        try:
            link = reset_link(user, base=f"http://127.0.0.1:{env.int('KVMWEB_PORT', 8000)}")
        except KvmwebError as error:
            raise CommandError(f"{error.message} {error.hint}") from error
        audit.record(system_actor("reset_password_link"), "password.link", AuditEntry.Outcome.DONE, target=user)
        self.stdout.write(link)
