"""The permission matrix of the REST contract: for each route and method, the rule (`tests.edges.people`) for rows of the tenant acme.

A new route needs its row here. Parameters of its path, and the "$name"s of its body, are ids of `tests.edges.world`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

@dataclass(frozen=True)
class Row:
    rule: str
    body: dict[str, Any] = field(default_factory=dict)
    """Values such as "$image_id" are replaced by acme's ids."""
    guest_state: str = "shutoff"
    job_state: str = "queued"
    host: str = "busy"
    """"empty": one without guests, volumes and jobs."""
    query: str = ""
    """Without the question mark; "$name"s are replaced here too."""
    but: dict[str, int] = field(default_factory=dict)
    """Person -> status, where the rule does not hold. Say why in a comment."""


POWER = {
    "start": "shutoff",
    "shutdown": "running",
    "reboot": "running",
    "reset": "running",
    "force-off": "running",
    "suspend": "running",
    "resume": "paused",
}

MATRIX: dict[tuple[str, str], Row] = {
    ("GET", "me/"): Row("everybody"),
    ("GET", "schema/"): Row("everybody"),
    ("GET", "guests/"): Row("everybody"),
    ("POST", "guests/"): Row(
        "tenant writes", {"name": "new-1", "tenant": "$tenant_id", "source": {"image": "$image_id"}, "vcpus": 1, "memory_mib": 128}
    ),
    ("GET", "guests/summary/"): Row("everybody"),
    ("POST", "guests/bulk/"): Row("tenant writes", {"action": "start", "ids": ["$guest_id"]}),
    ("GET", "guests/<uuid:guest_id>/"): Row("tenant reads"),
    ("PATCH", "guests/<uuid:guest_id>/"): Row("tenant writes", {"description": "x"}),
    ("DELETE", "guests/<uuid:guest_id>/"): Row("tenant writes"),
    ("GET", "guests/<uuid:guest_id>/timeline/"): Row("tenant reads"),
    ("POST", "guests/<uuid:guest_id>/console/"): Row("tenant writes", {"mode": "control"}, guest_state="running"),
    **{("POST", f"guests/<uuid:guest_id>/{verb}/"): Row("tenant writes", guest_state=state) for verb, state in POWER.items()},
    ("GET", "hosts/"): Row("everybody"),
    ("POST", "hosts/"): Row("operators make", {"name": "h9", "kind": "unix", "socket_path": "/run/x/sock"}),
    ("GET", "hosts/<uuid:host_id>/"): Row("operators read"),
    ("PATCH", "hosts/<uuid:host_id>/"): Row("operators write", {"description": "x"}),
    ("DELETE", "hosts/<uuid:host_id>/"): Row("operators write", host="empty"),
    ("POST", "hosts/<uuid:host_id>/preflight/"): Row("operators write"),
    ("GET", "hosts/<uuid:host_id>/unmanaged/"): Row("operators read"),
    ("POST", "hosts/<uuid:host_id>/adopt/"): Row("operators write", {"domain_uuid": "$domain_uuid", "tenant": "$tenant_id"}),
    ("GET", "images/"): Row("everybody"),
    ("POST", "images/"): Row("operators make", {"recipe": "debian12"}),
    ("GET", "images/recipes/"): Row("everybody"),
    ("GET", "images/importable/"): Row("everybody"),
    ("GET", "images/<uuid:image_id>/"): Row("tenant reads"),
    ("PATCH", "images/<uuid:image_id>/"): Row("tenant writes", {"description": "x"}),
    ("DELETE", "images/<uuid:image_id>/"): Row("tenant writes"),
    ("GET", "pools/"): Row("everybody"),
    ("GET", "pools/<uuid:pool_id>/"): Row("operators read"),
    ("GET", "volumes/"): Row("everybody"),
    ("GET", "volumes/<uuid:volume_id>/"): Row("tenant reads"),
    ("DELETE", "volumes/<uuid:volume_id>/"): Row("tenant writes"),
    ("GET", "networks/"): Row("everybody"),
    ("GET", "networks/<uuid:network_id>/"): Row("tenant reads"),
    ("GET", "jobs/"): Row("everybody"),
    ("GET", "jobs/<uuid:job_id>/"): Row("tenant reads"),
    ("POST", "jobs/<uuid:job_id>/cancel/"): Row("tenant writes"),
    ("POST", "jobs/<uuid:job_id>/retry/"): Row("tenant writes", job_state="failed"),
    ("GET", "tenants/"): Row("everybody"),
    ("POST", "tenants/"): Row("admins make", {"name": "initech"}),
    ("GET", "tenants/<uuid:tenant_id>/"): Row("tenant reads"),
    ("PATCH", "tenants/<uuid:tenant_id>/"): Row("admins write", {"description": "x"}),
    ("GET", "tenants/<uuid:tenant_id>/members/"): Row("tenant reads"),
    ("POST", "tenants/<uuid:tenant_id>/members/"): Row("owner writes", {"username": "sam", "role": "viewer"}),
    ("GET", "tenants/<uuid:tenant_id>/quota/"): Row("tenant reads"),
    ("PUT", "tenants/<uuid:tenant_id>/quota/"): Row("admins write", {"guests": 100}),
    ("GET", "tenants/<uuid:tenant_id>/usage/"): Row("tenant reads"),
    ("GET", "tokens/"): Row("everybody"),
    ("POST", "tokens/"): Row("everybody", {"name": "x"}),
    ("GET", "tokens/<uuid:token_id>/"): Row("nobody else", but={"owner": 2}),
    ("DELETE", "tokens/<uuid:token_id>/"): Row("nobody else", but={"owner": 2}),
    ("GET", "audit/"): Row("everybody"),
    ("GET", "audit/export/"): Row("everybody"),
    ("GET", "audit/<int:entry_id>/"): Row("tenant reads"),
}
