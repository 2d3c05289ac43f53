"""`manage.py check_quotas`: exit code 0 when what every tenant is said to use is what its rows add up to, 1 when not."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from tenants.models import Tenant
from tenants.quota.checking import check_quotas


class Command(BaseCommand):
    help = "Count again, row by row, what tenants use, and name rows that hold quota for nothing. Changes nothing."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("tenants", nargs="*", metavar="TENANT", help="names; all tenants by default")

    def handle(self, *args: Any, **options: Any) -> None:
        rows = Tenant.objects.order_by("name")
        names = options["tenants"]
        verdict = check_quotas(rows.filter(name__in=names) if names else rows)
        if names and verdict.tenants < len(set(names)):
            raise CommandError("There is no tenant of one of these names.", returncode=2)
        for note in verdict.notes:
            self.stdout.write(f"note   {note}")
        for fault in verdict.faults:
            self.stdout.write(f"fault  {fault}")
        self.stdout.write(f"{verdict.tenants} tenants counted again, {len(verdict.faults)} faults.")
        if verdict.faults:
            raise CommandError("Not every sum is true.", returncode=1)
