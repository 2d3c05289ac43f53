"""`manage.py seed_demo`: fill a lively demo on libvirt's test driver."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from bootstrap import demo, first_run
from hosts.models import Host
from jobs.connections import close_all
from storage.models import Image
from tenants.models import SystemRole, User


class Command(BaseCommand):
    help = "Make tenants, people, quotas and guests on the test driver. Safe to run again."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--extra", type=int, default=0, help="this many more guests, lab-001 and on")

    def handle(self, *args: Any, **options: Any) -> None:
        admin = User.objects.filter(system_role=SystemRole.ADMIN, is_active=True).first()
        image = Image.objects.filter(tenant=None, recipe="micro", state=Image.State.READY).first()
        if admin is None or image is None:
            raise CommandError("There is no admin or no micro image yet. Run script/server once, then this again.")
        host = first_run.ensure_host(Host.Kind.TEST)
        problem = first_run.ensure_resources(host)
        if problem:
            raise CommandError(f"{problem} The demo's guests live on libvirt's test driver: start libvirtd, then run this again.")
        made = demo.seed(admin, host, image, extra=options["extra"])
        close_all()
        people = ", ".join(username for username, _ in demo.TENANTS.values())
        self.stdout.write(f"{len(made)} guests made on host {host.name}. People: {people}, each with the password {demo.PASSWORD!r}.")
