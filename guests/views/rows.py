"""One line of the guests table as a template shows it: every value worked out, so that the row's template only prints."""

from __future__ import annotations

from typing import Any

from guests.payload import Payload
from kvmweb.words import TONES, size_of_mib

WARN_CPU, BAD_CPU = 75, 90


def row_of(guest: Payload) -> dict[str, Any]:
    actions = guest["allowed_actions"]
    console, view = actions["console"], actions["view-console"]
    cpu = guest["cpu_percent"]
    return {
        "id": guest["id"],
        "name": guest["name"],
        "state": guest["state"],
        "tone": tone_of(guest),
        "words": guest["state_label"],
        "is_stale": guest["is_stale"],
        "tags": guest["tags"][:3],
        "host": guest["host"],
        "tenant": guest["tenant"]["name"],
        "os": guest["os"],
        "vcpus": guest["vcpus"],
        "memory": size_of_mib(guest["memory_mib"]),
        "cpu": None if cpu is None else round(cpu),
        "cpu_tone": "" if cpu is None or cpu < WARN_CPU else "warn" if cpu < BAD_CPU else "bad",
        "address": guest["primary_address"],
        "console_reason": "" if console["allowed"] or view["allowed"] else console["reason"],
    }


def tone_of(guest: Payload) -> str:
    if guest["active_job"]:
        return "busy"
    return "bad" if guest["is_missing"] else TONES.get(guest["state"], "off")
