"""The power buttons and the menu of one guest: which there are, in which order, and the reason where one does not work."""

from __future__ import annotations

from typing import Any

from guests.payload import Payload

POWER = (
    ("start", "Start", "play"),
    ("resume", "Resume", "play"),
    ("shutdown", "Shut down", "power"),
    ("suspend", "Pause", "pause"),
    ("reboot", "Reboot", "rotate-cw"),
    ("reset", "Reset", "zap"),
    ("force-off", "Force off", "power-off"),
)
QUICK = ("start", "resume", "shutdown", "suspend")


def menu_of(guest: Payload) -> list[dict[str, Any]]:
    """Each {"verb", "label", "icon", "reason", "is_quick", "is_shown"}: start and resume share a place, and so do their opposites."""
    actions = guest["allowed_actions"]
    asleep = guest["state"] in ("paused", "suspended")
    hidden = {"resume"} if not asleep else {"start", "suspend"}
    return [
        {
            "verb": verb,
            "label": label,
            "icon": icon,
            "reason": actions[verb]["reason"],
            "is_quick": verb in QUICK,
            "is_shown": verb not in hidden,
        }
        for verb, label, icon in POWER
    ]
