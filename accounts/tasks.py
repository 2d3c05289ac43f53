"""Celery: once an hour, what is over is forgotten."""

from __future__ import annotations

from celery import shared_task

from accounts import sessions, throttle


@shared_task(name="accounts.forget")
def forget() -> None:
    throttle.forget_expired()
    sessions.forget_expired()
