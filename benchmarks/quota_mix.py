"""Sixteen people create, resize, delete, start, give away and end jobs in two tenants at once: never over a limit, and the sums stay true.

    .venv/bin/python benchmarks/quota_mix.py postgres --seconds 40
    .venv/bin/python benchmarks/quota_mix.py sqlite

Threads call the services, each with its own database connection; nobody runs the jobs, their ends are played. Another thread sums up all
the while. It ends with `check_quotas`. Anything but a plain refusal, such as a deadlock, is an error.
"""

from __future__ import annotations

import argparse
import logging
import os
import random
import sys
import tempfile
import threading
import time
from collections import Counter
from contextlib import ExitStack
from pathlib import Path
from typing import Any

sys.path[:0] = [str(Path(__file__).parents[1]), str(Path(__file__).parent)]
LIMITS = {"guests": 20, "vcpus": 40, "memory_mib": 20 * 128, "disk_gib": 30, "running_jobs": 15}
ACTS = ("create", "create", "create", "resize", "delete", "start", "transfer", "set_quota", "ask", "decline", "end", "end")
PEOPLE = 16


class Mix:
    """The world after `quota_race.make_world`, with a second tenant and an admin."""

    def __init__(self) -> None:
        from storage.models import Image
        from tenants.actor import actor_for
        from tenants.models import Tenant, User
        from tenants.services.quotas import set_quota

        self.actor = actor_for(User.objects.create_superuser("ada"))
        self.tenants = [Tenant.objects.get(name="acme"), Tenant.objects.create(name="globex")]
        self.image = Image.objects.get()
        for tenant in self.tenants:
            set_quota(self.actor, tenant, LIMITS)

    def act(self, dice: random.Random) -> str:
        name = dice.choice(ACTS)
        getattr(self, name)(dice, dice.choice(self.tenants))
        return name

    def create(self, dice: random.Random, tenant: Any) -> None:
        from guests.requests import CreateGuest
        from guests.services.create import create_guests

        name, vcpus, count = f"g{dice.getrandbits(40):x}", dice.randint(1, 3), dice.choice([1, 1, 3])
        create_guests(self.actor, tenant, CreateGuest(name=name, image=self.image, vcpus=vcpus, memory_mib=128, disk_gib=1, count=count))

    def resize(self, dice: random.Random, tenant: Any) -> None:
        from guests.services.change import change_guest

        change_guest(self.actor, self.guest(dice), {"vcpus": dice.randint(1, 4)})

    def delete(self, dice: random.Random, tenant: Any) -> None:
        from guests.services.delete import delete_guest

        delete_guest(self.actor, self.guest(dice))

    def start(self, dice: random.Random, tenant: Any) -> None:
        from guests.services.power import start_guest

        start_guest(self.actor, self.guest(dice))

    def transfer(self, dice: random.Random, tenant: Any) -> None:
        from guests.services.transfer import transfer_guest

        transfer_guest(self.actor, self.guest(dice), tenant)

    def set_quota(self, dice: random.Random, tenant: Any) -> None:
        from tenants.services.quotas import set_quota

        set_quota(self.actor, tenant, LIMITS)

    def ask(self, dice: random.Random, tenant: Any) -> None:
        from tenants.services.quota_requests import create_quota_request

        create_quota_request(self.actor, tenant, {"guests": 30}, reason="More.")

    def decline(self, dice: random.Random, tenant: Any) -> None:
        from tenants.models import QuotaRequest
        from tenants.services.quota_requests import decline_quota_request

        decline_quota_request(self.actor, self.one(dice, QuotaRequest.objects.filter(state="open")), message="No.")

    def end(self, dice: random.Random, tenant: Any) -> None:
        """A job's last transaction: a create may fail and give everything back."""
        from django.db import transaction

        from guests.models import Guest
        from guests.removal import remove_guest
        from jobs.models import Job

        job = self.one(dice, Job.objects.filter(state="queued"))
        with transaction.atomic():
            if not Job.objects.filter(pk=job.pk, state="queued").update(state="succeeded"):
                return
            if job.kind == "guest.delete" or (job.kind == "guest.create" and dice.random() < 0.3):
                remove_guest(job.target_id)
            elif job.kind == "guest.create":
                Guest.objects.filter(pk=job.target_id).update(state="shutoff")
            elif job.kind == "guest.change":
                Guest.objects.filter(pk=job.target_id).update(**job.args["changes"])

    def guest(self, dice: random.Random) -> Any:
        from guests.models import Guest

        return self.one(dice, Guest.objects.all())

    def one(self, dice: random.Random, rows: Any) -> Any:
        from kvmweb.errors import NotFound

        keys = list(rows.values_list("pk", flat=True)[:60])
        found = rows.model.objects.filter(pk=dice.choice(keys)).first() if keys else None
        if found is None:
            raise NotFound
        return found


def run(mix: Mix, seconds: float) -> tuple[Counter[str], list[str]]:
    from django.db import connections

    from kvmweb.errors import KvmwebError
    from tenants.quota import usage_of_all

    until, told, over = time.monotonic() + seconds, Counter[str](), list[str]()

    def work(number: int) -> None:
        dice = random.Random(number)
        while time.monotonic() < until:
            try:
                told[f"done     {mix.act(dice)}"] += 1
            except KvmwebError as error:
                told[f"refused  {type(error).__name__}"] += 1
            except Exception as error:
                told[f"ERROR    {type(error).__name__}: {error}"] += 1
        connections.close_all()

    def watch() -> None:
        while time.monotonic() < until:
            for used in usage_of_all().values():
                over.extend(f"{used[name]} of {limit} {name}" for name, limit in LIMITS.items() if used[name] > limit)
            time.sleep(0.05)
        connections.close_all()

    threads = [threading.Thread(target=work, args=(number,)) for number in range(PEOPLE)] + [threading.Thread(target=watch)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return told, over


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("database", choices=["postgres", "sqlite"])
    parser.add_argument("--seconds", type=float, default=30)
    options = parser.parse_args()
    with ExitStack() as stack:
        import quota_race

        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="kq-data-"))
        database = stack.enter_context(quota_race.postgres()) if options.database == "postgres" else f"sqlite:///{folder}/mix.sqlite3"
        os.environ.update(DATABASE_URL=database, KVMWEB_DATA_DIR=folder, DJANGO_SETTINGS_MODULE="kvmweb.settings.test")
        import django

        django.setup()
        logging.disable(logging.WARNING)
        from django.core.management import call_command

        call_command("migrate", verbosity=0, skip_checks=True)
        quota_race.make_world()
        told, over = run(Mix(), options.seconds)
        for what, count in sorted(told.items()):
            print(f"{count:6} x {what}")
        print(f"{options.database}: {told.total()} operations of {PEOPLE} people in {options.seconds:.0f} s")
        print(f"seen over a limit: {over[:5] or 'never'}")
        call_command("check_quotas")
        return 1 if over or any(what.startswith("ERROR") for what in told) else 0


if __name__ == "__main__":
    sys.exit(main())
