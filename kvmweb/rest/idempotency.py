"""Idempotency-Key: the same key and body give the same answer and one effect for 24 h.

The record is written in the transaction of the change, so effect and answer are kept together or not at all, and a duplicate that
arrives meanwhile waits for that transaction. Only answers of changes that were made are kept: after a refusal the same key tries again.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import orjson
from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.crypto import salted_hmac
from rest_framework.request import Request
from rest_framework.response import Response

from kvmweb.errors import Conflict, InvalidInput
from kvmweb.fields import open_text, seal_text
from tenants.authentication import request_actor
from tenants.models import IdempotencyRecord, User

HEADER = "Idempotency-Key"


@dataclass(frozen=True, slots=True)
class Claim:
    """`answer`: of the first request, for a repeated one. `record`: to be filled, for the first."""

    record: IdempotencyRecord | None = None
    answer: Response | None = None


def claim(request: Request, user: User) -> Claim:
    """Call inside the transaction of the change. Raises Conflict when the key was used for something else."""
    key = request.headers.get(HEADER)
    if key is None:
        return Claim()
    if not 1 <= len(key) <= 200 or not key.isascii() or not key.isprintable():
        raise InvalidInput(fields={HEADER: "Use 1 to 200 printable ASCII characters."})
    IdempotencyRecord.objects.filter(user=user, created_at__lt=timezone.now() - IdempotencyRecord.LIFETIME).delete()
    body_hash = hash_of(request)
    try:
        with transaction.atomic():
            return Claim(record=IdempotencyRecord.objects.create(user=user, key=key, body_hash=body_hash))
    except IntegrityError:
        return Claim(answer=_earlier_answer(IdempotencyRecord.objects.get(user=user, key=key), body_hash))


def _earlier_answer(record: IdempotencyRecord, body_hash: str) -> Response:
    if record.body_hash != body_hash:
        raise Conflict(
            f"This {HEADER} was used for another request.",
            hint="Use a new key for every new request; repeat a key only to repeat its request.",
            code="idempotency_key_reused",
        )
    answer = orjson.loads(open_text(record.answer)) if record.answer else None
    return Response(answer, status=record.status, headers={"Idempotent-Replayed": "true"})


def keep(record: IdempotencyRecord | None, response: Response) -> None:
    if record is None:
        return
    if response.status_code >= 400:
        record.delete()
        return
    record.status = response.status_code
    # Sealed: the answer may hold a token or a console ticket, of which elsewhere only a hash is kept.
    record.answer = seal_text(orjson.dumps(response.data, default=str, option=orjson.OPT_UTC_Z).decode())
    record.save(update_fields=["status", "answer"])


def hash_of(request: Request) -> str:
    """Keyed, because bodies may hold passwords. The order of an object's fields does not matter; what one may do does: an answer can hold
    a ticket or a key, and is not given to another token of the same person, nor to a person who lost a role meanwhile.
    """
    data: Any = request.data
    body = orjson.dumps(data, option=orjson.OPT_SORT_KEYS).decode()
    actor = request_actor(request)
    rights = f"{actor.scope} {actor.only_tenant} {actor.system_role} {sorted((str(tenant), role) for tenant, role in actor.roles.items())}"
    text = f"{request.method} {request.get_full_path()} {body} {rights}"
    return salted_hmac("kvmweb.idempotency", text, algorithm="sha256").hexdigest()
