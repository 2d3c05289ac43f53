"""`manage.py rotate_keys`: a new key for encrypted fields. The work is in `kvmweb.key_rotation`."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from kvmweb import fields, key_rotation, secrets_store


class Command(BaseCommand):
    help = (
        "Make a new key for encrypted fields and seal everything with it. Nothing stops meanwhile. Interrupted, run it again: it "
        "goes on. The old keys are kept, so that backups can be read, until you run it with --retire."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--reseal", action="store_true", help="make no new key, only seal again what older keys sealed")
        parser.add_argument("--retire", action="store_true", help="delete the older keys; backups made with them can then not be read")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            with secrets_store.held(settings.FIELD_KEYS_FILE):
                self._retire() if options["retire"] else self._rotate(is_new=not options["reseal"])
        except BlockingIOError:
            raise CommandError("Another rotation is under way. Wait until it is done.") from None
        except key_rotation.CannotRotate as error:
            raise CommandError(str(error)) from error

    def _rotate(self, *, is_new: bool) -> None:
        if is_new and key_rotation.is_unfinished():
            self.stdout.write("The last rotation was interrupted: going on with it.")
        elif is_new:
            key_rotation.add_key()
        report = key_rotation.reseal()
        self.stdout.write(f"{report.resealed} values sealed with the newest key, {report.current} were already.")
        if report.unreadable:
            raise CommandError(f"No key opens {len(report.unreadable)} values: {', '.join(report.unreadable[:10])}.")
        if len(fields.keys()) > 1:
            self.stdout.write(f"{len(fields.keys()) - 1} older keys are kept for backups. To delete them: manage.py rotate_keys --retire")

    def _retire(self) -> None:
        self.stdout.write(f"{key_rotation.retire_keys()} older keys deleted. Backups made before now cannot be read any more.")
