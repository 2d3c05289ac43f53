"""`manage.py bootstrap`: fill an empty installation. script/server runs it at every start."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from bootstrap import first_run
from hosts.models import Host
from kvmweb.errors import KvmwebError


class Command(BaseCommand):
    help = "Register the first host with its default network and pool, the micro image, the first admin and the guest hello."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--host", choices=["local", "test", "none"], default="local", help="which libvirt this machine offers")
        parser.add_argument("--micro-image", type=Path, help="the micro guest's disk image")
        parser.add_argument("--no-hello", action="store_true", help="do not make the first guest")

    def handle(self, *args: Any, **options: Any) -> None:
        tenant = first_run.ensure_tenant()
        admin = first_run.ensure_admin(tenant, password=os.environ.get("KVMWEB_ADMIN_PASSWORD", ""))
        self.stdout.write(f"Admin: {admin.username}" + (" (made now)" if admin.password else ""))
        image = first_run.ensure_image(options["micro_image"]) if options["micro_image"] else None
        if options["host"] == "none":
            return
        host = first_run.ensure_host(Host.Kind(options["host"]))
        problem = first_run.ensure_resources(host)
        self.stdout.write(f"Host: {host.name}" + (f". {problem}" if problem else ", with its default pool and network"))
        if image is None or problem or options["no_hello"]:
            return
        try:
            guest = first_run.ensure_hello(tenant, host, image)
        except KvmwebError as error:
            self.stdout.write(f"The first guest was not made: {error.message} {error.hint}")
        else:
            if guest is not None:
                self.stdout.write(f"Guest: {guest.name}, made and started as soon as the worker runs")
