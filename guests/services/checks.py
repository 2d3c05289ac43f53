"""Checks of what people ask for, before anything is written: every wrong field is named at once, with what is allowed."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime

from django.utils import timezone

from guests import cloudinit
from guests.models import Guest
from guests.plan import GIB, guest_names
from guests.requests import CreateGuest
from kvmweb.errors import InvalidInput
from storage.models import Image
from storage.payload import why_not_ready
from tenants.models import Tenant

NAME_PATTERN = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
NAME_RULE = "Lower-case letters, digits and hyphens, 1 to 63, with a letter or digit at both ends."
TAG_PATTERN = re.compile(r"[a-z0-9]([a-z0-9._:-]{0,30}[a-z0-9])?")
MOST_TAGS = 20
MOST_GUESTS_AT_ONCE = 50
MOST_NICS = 8
VCPUS = (1, 256)
MEMORY_MIB = (64, 4 * 1024**2)
DISK_GIB = (1, 64 * 1024)
LONGEST_DESCRIPTION = 4096

Problems = dict[str, str]


def why_not_name(name: str) -> str:
    return "" if NAME_PATTERN.fullmatch(name) else NAME_RULE


def why_not_tags(tags: Iterable[str]) -> str:
    tags = list(tags)
    if len(tags) > MOST_TAGS:
        return f"At most {MOST_TAGS} tags."
    if not all(isinstance(tag, str) and TAG_PATTERN.fullmatch(tag) for tag in tags):
        return "Each tag: lower-case letters, digits and . _ : - inside, at most 32 characters."
    return ""


def why_not_in_range(value: int, limits: tuple[int, int], unit: str) -> str:
    low, high = limits
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        return f"A whole number from {low} to {high}{unit}."
    return ""


def why_not_description(text: str) -> str:
    return "" if len(text) <= LONGEST_DESCRIPTION and "\0" not in text else f"At most {LONGEST_DESCRIPTION} characters of text."


def why_not_expiry(moment: datetime | None) -> str:
    return "" if moment is None or moment > timezone.now() else "A moment in the future."


def check_create(tenant: Tenant, request: CreateGuest) -> None:
    """Raise InvalidInput. Does not look at quota, room or busy names."""
    problems: Problems = {
        "count": why_not_in_range(request.count, (1, MOST_GUESTS_AT_ONCE), ""),
        "vcpus": why_not_in_range(request.vcpus, VCPUS, ""),
        "memory_mib": why_not_in_range(request.memory_mib, MEMORY_MIB, " MiB"),
        "tags": why_not_tags(request.tags),
        "description": why_not_description(request.description),
        "expires_at": why_not_expiry(request.expires_at),
        "source": _why_not_image(tenant, request.image),
        "nics": _why_not_networks(tenant, request),
        "clone": "" if request.clone_mode in ("overlay", "full") else "Choose overlay or full.",
    }
    problems["name"] = "" if problems["count"] else _why_not_names(request)
    problems["disk_gib"] = _why_not_disk(request)
    if not problems["memory_mib"] and request.memory_mib < request.image.min_memory_mib:
        problems["memory_mib"] = f"This image needs at least {request.image.min_memory_mib} MiB."
    raise_if_any(problems | (cloudinit.problems_of(request.cloud_init) if request.cloud_init is not None else {}))


def raise_if_any(problems: Problems) -> None:
    found = {field: problem for field, problem in problems.items() if problem}
    if found:
        raise InvalidInput(fields=found)


def check_names_free(tenant: Tenant, names: list[str]) -> None:
    """Call with the tenant's row locked, or two requests at once both find the name free."""
    taken = sorted(Guest.objects.filter(tenant=tenant, name__in=names).values_list("name", flat=True))
    if taken:
        listed = ", ".join(taken[:5])
        raise InvalidInput(fields={"name": f"Tenant {tenant.name} has a guest called {listed} already. Choose another name."})


def _why_not_names(request: CreateGuest) -> str:
    if why_not_name(request.name):
        return NAME_RULE
    last = guest_names(request.name, request.count)[-1]
    return "" if NAME_PATTERN.fullmatch(last) else f"Too long: the last of {request.count} guests would be called {last}."


def _why_not_image(tenant: Tenant, image: Image) -> str:
    if image.tenant_id not in (None, tenant.pk):
        return "This image belongs to another tenant."
    if image.kind == Image.Kind.ISO:
        return "Installing from an ISO is not possible yet. Choose a disk or cloud image."
    reason = why_not_ready(image.state)
    return f"Image {image.name} cannot be used. {reason}" if reason else ""


def _why_not_disk(request: CreateGuest) -> str:
    if request.disk_gib == 0:
        return ""
    problem = why_not_in_range(request.disk_gib, DISK_GIB, " GiB")
    if not problem and request.disk_gib * GIB < request.image.virtual_size_bytes:
        return f"Image {request.image.name} needs at least {-(-request.image.virtual_size_bytes // GIB)} GiB."
    return problem


def _why_not_networks(tenant: Tenant, request: CreateGuest) -> str:
    if len(request.networks) > MOST_NICS:
        return f"At most {MOST_NICS} network interfaces."
    if any(network.tenant_id not in (None, tenant.pk) for network in request.networks):
        return "This network belongs to another tenant."
    if len({network.host_id for network in request.networks}) > 1:
        return "Choose networks of one host."
    gone = next((network for network in request.networks if network.is_missing or not network.is_active), None)
    return f"Network {gone.name} is not active." if gone else ""
