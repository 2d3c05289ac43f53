"""The Celery app. Its tasks are tiny, in `jobs.tasks` and `guests.tasks`; they carry ids only.

What else starts with a worker and with beat is wired here.
"""

from __future__ import annotations

import gc
import logging
import os
from collections.abc import Callable
from functools import cache, partial
from typing import Any

from celery import Celery
from celery.signals import beat_init, worker_before_create_process, worker_ready

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "kvmweb.settings")
# Celery would run Django's checks in the worker, which import every page and API of the product into its memory.
os.environ.setdefault("CELERY_SKIP_CHECKS", "1")

app = Celery("kvmweb")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@worker_before_create_process.connect
def _on_worker_forks(**_: Any) -> None:
    _import_for_children()


@cache
def _import_for_children() -> None:
    """What every child needs is imported once and shared; its first job then starts without a second of imports."""
    from django.conf import settings
    from django.utils.module_loading import import_string

    from jobs import runner  # noqa: F401
    from jobs.workflow import workflow_for, workflow_kinds

    logger = logging.getLogger(__name__)
    loads: list[Callable[[], object]] = [
        partial(import_string, settings.HYPERVISOR_CONNECTOR),
        *(partial(workflow_for, kind) for kind in workflow_kinds()),
    ]
    for load in loads:
        try:
            load()
        except Exception:
            # Its jobs will fail and say why; the others must run.
            logger.exception("A part of the worker could not be imported.")
    # The collector would write into these pages, and every child would get its own copy.
    gc.collect()
    gc.freeze()


@worker_ready.connect
def _on_worker_ready(**_: Any) -> None:
    """In the pool's parent, which must not open a database connection that its children would inherit: the sweep is sent to one of them."""
    from jobs import enqueue
    from kvmweb import heartbeat

    heartbeat.start("worker")
    enqueue.send_sweep()


@beat_init.connect
def _on_beat_init(**_: Any) -> None:
    from jobs import sweeper
    from kvmweb import heartbeat
    from tenants.audit.forward import courier

    heartbeat.start("beat")
    sweeper.start_thread()
    courier.start_thread()
