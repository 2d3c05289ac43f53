"""`manage.py archive_audit --before DAY --to FILE`: the old part of the audit trail into a file; the rest still verifies."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from kvmweb.errors import InvalidInput
from tenants.actor import system_actor
from tenants.audit.archive import CannotArchive, archive
from tenants.audit.filters import moment_of


class Command(BaseCommand):
    help = "Write entries older than a day to a file of JSON lines, with their hashes, and delete them. An entry accounts for it."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--before", required=True, help="a day such as 2030-01-31: what is younger stays")
        parser.add_argument("--to", type=Path, required=True, help="a file that does not exist yet")

    def handle(self, *args: Any, before: str, to: Path, **options: Any) -> None:
        try:
            moment = moment_of(before, "before")
            if moment is None:
                raise CommandError("--before is empty.")
            done = archive(system_actor("archive_audit"), moment, to)
        except (InvalidInput, CannotArchive, OSError) as error:
            raise CommandError(str(error)) from error
        self.stdout.write(
            f"{done.count} entries up to number {done.last_seq} are in {to} (SHA-256 {done.sha256}) and no longer in the database."
        )
