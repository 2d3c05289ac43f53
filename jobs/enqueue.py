"""Sends a job's id to Celery, by task name, so that the web process imports neither tasks nor steps.

A send may fail: the row is the truth, the sweeper sends again. So nothing here raises, and a redis that is down or hangs costs one
request a fraction of a second and the following ones nothing: a thread asks it until it answers.
"""

from __future__ import annotations

import functools
import logging
import os
import threading
import time
from functools import partial
from uuid import UUID

from django.conf import settings
from django.db import transaction
from kombu.pools import ProducerPool

from jobs import transitions
from jobs.models import Job
from kvmweb import heartbeat
from kvmweb.celery import app

logger = logging.getLogger(__name__)

SEND_TIMEOUT_S = 0.25
ASK_EVERY_S = 1.0

_silent_pid = 0
"""This process, while redis does not take what it sends. A pid and not a flag: a fork has no thread that would end the silence."""
_lock = threading.Lock()


def send_after_commit(job_id: UUID) -> None:
    transaction.on_commit(partial(send, job_id), robust=True)


def send(job_id: UUID, *, delay_s: float = 0) -> bool:
    """False when redis did not take it; the row then says so and the sweeper sends it later."""
    if _send_task("jobs.run", [str(job_id)], delay_s=delay_s):
        return True
    transitions.mark_sent([job_id], ok=False)
    return False


def send_sweep() -> bool:
    return _send_task("jobs.sweep", [])


def send_next_of_host(host_id: UUID) -> None:
    """A place became free on this host: send the oldest job that was turned away because there was none."""
    waiting = Job.objects.filter(transitions.CLAIMABLE, host_id=host_id, sent_at__isnull=True).order_by("created_at")
    job_id = waiting.values_list("pk", flat=True).first()
    if job_id is not None and send(job_id):
        transitions.mark_sent([job_id], ok=True)


def _send_task(name: str, args: list[str], *, delay_s: float = 0) -> bool:
    if _silent_pid == os.getpid():
        return False
    try:
        with _producers(os.getpid()).acquire(block=True, timeout=SEND_TIMEOUT_S) as producer:
            app.send_task(name, args, producer=producer, retry=False, ignore_result=True, countdown=delay_s or None)
    except Exception as error:
        # Whatever class kombu and redis chose today: the answer is the same.
        logger.warning("Redis did not take %s (%s: %s). The sweeper sends it when redis is back.", name, type(error).__name__, error)
        _fall_silent()
        return False
    return True


def _fall_silent() -> None:
    global _silent_pid
    with _lock:
        if _silent_pid == os.getpid():
            return
        _silent_pid = os.getpid()
    threading.Thread(target=_until_redis_answers, name="enqueue-probe", daemon=True).start()


def _until_redis_answers() -> None:
    global _silent_pid
    while heartbeat.queue_length(settings.CELERY_TASK_DEFAULT_QUEUE) is None:
        time.sleep(ASK_EVERY_S)
    _silent_pid = 0


@functools.lru_cache(maxsize=1)
def _producers(pid: int) -> ProducerPool:
    """A pool per process with its own short limits: the broker's defaults wait for ever, and a connection must not cross a fork."""
    connection = app.connection_for_write()
    connection.connect_timeout = SEND_TIMEOUT_S
    connection.transport_options = {
        **(connection.transport_options or {}),
        "socket_timeout": SEND_TIMEOUT_S,
        "socket_connect_timeout": SEND_TIMEOUT_S,
        "max_retries": 0,
        "connect_retries_timeout": SEND_TIMEOUT_S,
    }
    return ProducerPool(connections=connection.Pool(limit=8), limit=8, Producer=app.amqp.Producer)
