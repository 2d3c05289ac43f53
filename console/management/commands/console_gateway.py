"""`manage.py console_gateway`: consoles in a process of their own. See console/README.md."""

from __future__ import annotations

import signal
from typing import Any

from django.core.management.base import BaseCommand, CommandParser


class Command(BaseCommand):
    help = "Relay consoles in a process of their own (set KVMWEB_CONSOLE_GATEWAY_URL so that pages use it)."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--bind", default="127.0.0.1", help="address to listen on")
        parser.add_argument("--port", type=int, default=6080, help="port to listen on")

    def handle(self, *args: Any, **options: Any) -> None:
        from console.gateway import serve

        signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))
        try:
            serve(options["bind"], options["port"])
        except KeyboardInterrupt:
            self.stdout.write("The console gateway stopped.")
