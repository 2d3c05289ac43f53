"""Answers kept for a day, so that a POST sent again has one effect."""

from __future__ import annotations

from datetime import timedelta

from django.db import models

from tenants.models.user import User


class IdempotencyRecord(models.Model):
    """The answer to a POST with an Idempotency-Key: same key and body, same answer for 24 h. A row without a status is being worked on."""

    user = models.ForeignKey(User, on_delete=models.CASCADE)
    key = models.CharField(max_length=200)
    body_hash = models.CharField(max_length=64)
    status = models.PositiveSmallIntegerField(null=True)
    answer = models.JSONField(null=True)
    created_at = models.DateTimeField(auto_now_add=True, db_index=True)

    LIFETIME = timedelta(hours=24)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["user", "key"], name="one_answer_per_key")]

    def __str__(self) -> str:
        return f"answer to {self.key}"
