"""Changing hosts: add, change, enable and disable, check. Removing them is `hosts.removal`'s.

A host is named by kind and socket, never by a URI.
Connecting is the watcher's business: it notices a new, changed or disabled row within 2 s.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from django.utils import timezone

from hosts.inventory import publish_host
from hosts.models import Host, HostState
from jobs.models import Job
from jobs.services import submit
from kvmweb.errors import InvalidInput
from tenants.actor import Actor
from tenants.gate import operation

NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
SOCKET_PATH = re.compile(r"(/[A-Za-z0-9_][A-Za-z0-9._-]*)+")
MAX_SOCKET_PATH = 107
"""sun_path of Linux holds 108 bytes with its end."""
LIMITS: dict[str, tuple[float, float]] = {
    "cpu_overcommit": (0.1, 64),
    "memory_overcommit": (0.1, 16),
    "memory_reserved_mib": (0, 16 * 1024**2),
}
CHANGEABLE = ("name", "description", "is_enabled", "acceleration_choice", *LIMITS)


@dataclass(frozen=True, slots=True)
class AddHost:
    name: str
    kind: str
    socket_path: str = ""
    description: str = ""
    acceleration_choice: str = Host.Acceleration.AUTO
    cpu_overcommit: float = 4.0
    memory_overcommit: float = 1.0
    memory_reserved_mib: int = 512


@operation("host.create")
def add_host(actor: Actor, target: None, request: AddHost) -> Host:
    """Raises InvalidInput. The watcher connects to it next."""
    fields = asdict(request)
    problems = _problems(fields) | _address_problems(request)
    if "name" not in problems and Host.objects.filter(name=request.name).exists():
        problems["name"] = f"There is a host named {request.name} already. Choose another name."
    if not problems:
        twin = Host.objects.filter(kind=request.kind, socket_path=request.socket_path).first()
        if twin is not None:
            problems["socket_path" if request.kind != Host.Kind.LOCAL else "kind"] = f"Host {twin.name} is reached there already."
    if problems:
        raise InvalidInput(fields=problems)
    host = Host.objects.create(**fields)
    publish_host(host.pk)
    return host


@operation("host.change")
def change_host(actor: Actor, host: Host, changes: Mapping[str, Any]) -> Host:
    """`changes`: any of CHANGEABLE. Disabling stops watching it and starting jobs there; its guests run on."""
    problems = {name: "This cannot be changed." for name in changes if name not in CHANGEABLE} | _problems(changes)
    name = changes.get("name", host.name)
    if "name" not in problems and Host.objects.filter(name=name).exclude(pk=host.pk).exists():
        problems["name"] = f"There is a host named {name} already. Choose another name."
    if problems:
        raise InvalidInput(fields=problems)
    host = Host.objects.select_for_update().get(pk=host.pk)
    for field, value in changes.items():
        setattr(host, field, value)
    _follow_enabled(host)
    host.version += 1
    host.save(update_fields=[*changes, "state", "state_since", "state_reason", "version"])
    publish_host(host.pk)
    return host


def _follow_enabled(host: Host) -> None:
    """At once, so that nobody starts work there before the watcher has noticed."""
    if host.is_enabled == (host.state != HostState.DISABLED):
        return
    host.state = HostState.CONNECTING if host.is_enabled else HostState.DISABLED
    host.state_since = timezone.now()
    host.state_reason = "" if host.is_enabled else "An operator disabled it."


@operation("host.preflight")
def preflight_host(actor: Actor, host: Host) -> Job:
    """A job that connects and says in plain words what works there and what to fix."""
    return submit(
        actor,
        kind="host.preflight",
        title=f"Check host {host.name}",
        target=host,
        host_id=host.pk,
        exclusive_key=f"host:{host.pk}",
        args={"host": str(host.pk)},
    )


# -- checks -------------------------------------------------------------------------------------------------------------------------
def _problems(fields: Mapping[str, Any]) -> dict[str, str]:
    problems = {}
    if "name" in fields and not (isinstance(fields["name"], str) and NAME.fullmatch(fields["name"])):
        problems["name"] = "Use lower-case letters, digits and hyphens: up to 63, beginning and ending with a letter or digit."
    if fields.get("acceleration_choice", Host.Acceleration.AUTO) not in Host.Acceleration.values:
        problems["acceleration_choice"] = f"Choose one of {', '.join(Host.Acceleration.values)}."
    if len(str(fields.get("description", ""))) > 2000:
        problems["description"] = "Use at most 2000 characters."
    if not isinstance(fields.get("is_enabled", True), bool):
        problems["is_enabled"] = "Say true or false."
    for name, (least, most) in LIMITS.items():
        value = fields.get(name, least)
        # `not (a <= b)`: NaN compares false with everything.
        if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value <= most:
            problems[name] = f"Choose a number from {least:g} to {most:g}."
    return problems


def _address_problems(request: AddHost) -> dict[str, str]:
    if request.kind not in Host.Kind.values:
        return {"kind": f"Choose one of {', '.join(Host.Kind.values)}."}
    if request.kind == Host.Kind.LOCAL and request.socket_path:
        return {"socket_path": "Leave it empty: this machine's libvirt is found by itself. For another socket choose kind unix."}
    if request.kind == Host.Kind.UNIX and not request.socket_path:
        return {"socket_path": "Give the absolute path of libvirt's socket, such as /run/libvirt/libvirt-sock."}
    if request.socket_path and not (SOCKET_PATH.fullmatch(request.socket_path) and len(request.socket_path) <= MAX_SOCKET_PATH):
        return {"socket_path": f"Give an absolute path of letters, digits and . _ - without .., at most {MAX_SOCKET_PATH} characters."}
    return {}
