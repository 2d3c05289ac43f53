"""The Celery task of this room: it carries nothing and may be lost, repeated or late."""

from __future__ import annotations

from celery import shared_task


@shared_task(name="console.tidy", ignore_result=True)
def tidy() -> None:
    from console import admission  # beat and the parent of the pool need not have it

    admission.tidy()
