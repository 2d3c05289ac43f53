"""`manage.py verify_audit`: exit code 0 when the audit trail is whole, 1 when it is not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from tenants.audit import anchors
from tenants.audit.verify import verify


class Command(BaseCommand):
    help = "Check the chain of hashes over the audit trail, and name the first entry that was changed, removed, inserted or moved."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--from", dest="first", type=int, help="number of the first entry to look at; the whole chain by default")
        parser.add_argument("--to", dest="last", type=int, help="number of the last entry to look at")
        parser.add_argument(
            "--anchor", type=Path, action="append", help="file of anchors; audit/anchors.jsonl of the data folder by default"
        )

    def handle(self, *args: Any, first: int | None, last: int | None, anchor: list[Path] | None, **options: Any) -> None:
        verdict = verify(first=first, last=last, anchors=self._anchors(anchor))
        self.stdout.write(f"{verdict.count} entries verified, head {verdict.head.seq} {verdict.head.hash}")
        if verdict.broken is not None:
            raise CommandError(f"Broken at {verdict.broken.seq}, {verdict.broken.how}: {verdict.broken.sentence}", returncode=1)

    def _anchors(self, files: list[Path] | None) -> list[Any]:
        default = anchors.anchor_file()
        found = []
        for path in files or ([default] if default.exists() else []):
            try:
                found += anchors.read(path)
            except (OSError, ValueError) as error:
                raise CommandError(f"The anchors in {path} cannot be read: {error}", returncode=2) from error
        self.stdout.write(f"{len(found)} anchors" if found else "No anchors: an end that was cut off would not be found.")
        return found
