"""What went wrong, as the value kept in Job.error: a code, a sentence and a next move for everybody, the host's own words for operators."""

from __future__ import annotations

import json
import logging
import secrets
from dataclasses import dataclass
from typing import Any

from hypervisor import errors as host
from jobs.models import Job
from kvmweb.errors import KvmwebError

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Words:
    code: str
    sentence: str
    hint: str


# The first class that fits wins. Tenants may not see paths or host names, so the host's own text is kept apart.
_WORDS: dict[type[host.HypervisorError], _Words] = {
    host.HostUnreachable: _Words("host_unreachable", "the host did not answer.", "Try again when the host is up, or ask an operator."),
    host.NoSpace: _Words("no_space", "there is no room left in the storage pool.", "Delete something there, or ask an operator for room."),
    host.AlreadyExists: _Words(
        "already_exists", "the host has something of this name already.", "Choose another name, or ask an operator."
    ),
    host.NotFoundOnHost: _Words(
        "not_found_on_host", "the host no longer has what this needs.", "It may have been removed by hand: ask an operator."
    ),
    host.Refused: _Words("refused_by_host", "the host refused.", "Ask an operator, who sees the host's own words."),
    host.TimedOut: _Words("timed_out", "it did not happen in time.", "Look at the guest's console, then try again."),
    host.Unsupported: _Words("unsupported", "this host cannot do that.", "Use another host, or ask an operator."),
}


def plain_error(error: BaseException, job: Job, *, doing: str) -> dict[str, Any]:
    """`doing` is the title of the step. The traceback of what we did not foresee goes to the log only, under the reference."""
    reference = secrets.token_hex(4)
    if isinstance(error, KvmwebError):
        logger.warning("Job %s (%s) [%s], %s: %s", job.pk, job.kind, reference, doing, error.message)
        return error_value(error.code, error.message, error.hint, details=error.details, reference=reference, cause=error.__cause__)
    for kind, words in _WORDS.items():
        if isinstance(error, kind):
            logger.warning("Job %s (%s) [%s], %s: %s: %s", job.pk, job.kind, reference, doing, kind.__name__, error)
            return error_value(words.code, f"{doing}: {words.sentence}", words.hint, reference=reference, cause=error)
    logger.error("Job %s (%s) [%s], %s: bug", job.pk, job.kind, reference, doing, exc_info=error)
    message = f"{doing}: something went wrong inside the product."
    value = error_value("bug", message, f"Tell an operator the reference {reference}.", reference=reference)
    return {**value, "operator_text": f"{type(error).__name__}: see the worker's log at {reference}."}


def error_value(
    code: str,
    message: str,
    hint: str = "",
    *,
    details: dict[str, Any] | None = None,
    reference: str = "",
    cause: BaseException | None = None,
) -> dict[str, Any]:
    return {
        "code": code,
        "message": message,
        "hint": hint,
        # Whatever a step put there: an error that cannot be written down would be lost.
        "details": json.loads(json.dumps(details or {}, default=str, skipkeys=True)),
        "reference": reference,
        "operator_text": f"{type(cause).__name__}: {cause}"[:2000] if cause is not None else "",
    }
