"""The Celery task of this room: it carries nothing and may be lost, repeated or late."""

from __future__ import annotations

from celery import shared_task


@shared_task(name="guests.forget_seeds", ignore_result=True)
def forget_seeds() -> None:
    from guests.services.seed import forget_due_seeds  # beat and the parent of the pool need not have it

    forget_due_seeds()
