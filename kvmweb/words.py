"""How numbers, times and states read on a page. static/js/words.js says the same for what arrives live."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

TONES = {
    "running": "ok",
    "up": "ok",
    "ready": "ok",
    "succeeded": "ok",
    "active": "ok",
    "done": "ok",
    "approved": "ok",
    "open": "warn",
    "declined": "bad",
    "paused": "warn",
    "suspended": "warn",
    "unreachable": "bad",
    "crashed": "bad",
    "failed": "bad",
    "missing": "bad",
    "needs_attention": "bad",
    "creating": "busy",
    "building": "busy",
    "connecting": "busy",
    "cancelling": "busy",
    "shutting_down": "busy",
    "deleting": "busy",
}
"""State -> tone of its badge; anything else is off. A running job is shown with `busy` by its own template."""


def size_of_mib(value: float | None) -> str:
    if value is None:
        return "–"
    if value < 1024:
        return f"{value:.0f} MiB"
    return _short(value / 1024, "GiB") if value < 1024 * 1024 else _short(value / 1024 / 1024, "TiB")


def size_of_bytes(value: float | None) -> str:
    if value is None:
        return "–"
    return f"{value / 1024:.0f} KiB" if value < 1024 * 1024 else size_of_mib(value / 1024 / 1024)


AMOUNTS: dict[str, tuple[str, Callable[[int], str]]] = {
    "guests": ("Guests", str),
    "vcpus": ("vCPU", str),
    "memory_mib": ("Memory", size_of_mib),
    "disk_gib": ("Disk", lambda gib: size_of_mib(gib * 1024) if gib else "0 GiB"),
    "snapshots": ("Snapshots", str),
    "image_gib": ("Images", lambda gib: size_of_mib(gib * 1024) if gib else "0 GiB"),
    "running_jobs": ("Running jobs", str),
}
"""What a quota counts -> its name on a page, and how its amounts read."""


FIELD_UNITS = {"memory_mib": "MiB", "disk_gib": "GiB", "image_gib": "GiB"}
"""In which unit a form asks for them."""


def amount(resource: str, value: int) -> str:
    return AMOUNTS[resource][1](value)


def _short(value: float, unit: str) -> str:
    text = f"{value:.1f}".removesuffix(".0") if value < 100 else f"{value:.0f}"
    return f"{text} {unit}"


def ago(age: timedelta) -> str:
    seconds = int(age.total_seconds())
    if seconds < 0:
        return "in " + _span(-seconds)
    return "just now" if seconds < 5 else _span(seconds) + " ago"


def _span(seconds: int) -> str:
    for length, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= length:
            return f"{seconds // length} {unit}"
    return f"{seconds} s"
