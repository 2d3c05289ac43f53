"""The watcher process: watches all hosts until SIGTERM or SIGINT."""

from __future__ import annotations

import os
import signal
from typing import Any

from django.core.management.base import BaseCommand

from watcher.supervisor import Supervisor


class Command(BaseCommand):
    help = "Watches the hosts and keeps what is shown of them true. Runs until it is stopped; run one per installation."
    # They would load every page and form of the web process; the web process has run them.
    requires_system_checks = []

    def handle(self, *args: Any, **options: Any) -> None:
        supervisor = Supervisor()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: supervisor.stopping.set())
        supervisor.run()
        # Threads inside a call to a frozen host cannot be joined; everything they hold is in the database or the kernel's to clean up.
        os._exit(0)
