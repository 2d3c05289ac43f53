"""The Celery app. Its tasks are three tiny ones in `jobs.tasks`; they carry ids only.

What else starts with a worker and with beat is wired here.
"""

from __future__ import annotations

import os
from typing import Any

from celery import Celery
from celery.signals import beat_init, worker_ready

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "kvmweb.settings")
# Celery would run Django's checks in the worker, which import every page and API of the product into its memory.
os.environ.setdefault("CELERY_SKIP_CHECKS", "1")

app = Celery("kvmweb")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


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

    heartbeat.start("beat")
    sweeper.start_thread()
