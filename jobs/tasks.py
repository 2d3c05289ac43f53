"""The Celery tasks: they carry ids only and do nothing themselves. Celery may lose, repeat or delay any of them."""

from __future__ import annotations

from uuid import UUID

from celery import shared_task


@shared_task(name="jobs.run", ignore_result=True)
def run(job_id: str) -> None:
    from jobs import runner  # the runner imports nothing heavy, but beat and the parent of the pool need not have it

    runner.run(UUID(job_id))


@shared_task(name="jobs.sweep", ignore_result=True)
def sweep() -> None:
    from jobs import sweeper

    sweeper.sweep()


@shared_task(name="jobs.prune", ignore_result=True)
def prune() -> None:
    from jobs import sweeper

    sweeper.prune()
