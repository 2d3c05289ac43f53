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
    """Person, "known" (who is logged in) or "*" (everybody) -> status, where the rule does not hold. Say why in a comment."""


POWER = {
    "start": "shutoff",
    "shutdown": "running",
    "reboot": "running",
    "reset": "running",
    "force-off": "running",
    "suspend": "running",
    "resume": "paused",
}

SSH_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIC4ogL9DMi2uQnnfoZoHrVTgpp5ru6oxdCT7vltHVnkk you@laptop"

MATRIX: dict[tuple[str, str], Row] = {
    ("GET", "me/"): Row("everybody"),
    ("GET", "schema/"): Row("everybody"),
    ("GET", "guests/"): Row("everybody"),
    ("POST", "guests/"): Row(
        "tenant writes", {"name": "new-1", "tenant": "$tenant_id", "source": {"image": "$image_id"}, "vcpus": 1, "memory_mib": 128}
    ),
    ("GET", "guests/summary/"): Row("everybody"),
    ("POST", "guests/bulk/"): Row("tenant writes", {"action": "start", "ids": ["$guest_id"]}, job_state="succeeded"),
    ("GET", "guests/<uuid:guest_id>/"): Row("tenant reads"),
    ("PATCH", "guests/<uuid:guest_id>/"): Row("tenant writes", {"description": "x"}),
    ("DELETE", "guests/<uuid:guest_id>/"): Row("tenant writes"),
    # It is there already.
    ("POST", "guests/<uuid:guest_id>/transfer/"): Row(
        "owner writes", {"tenant": "$tenant_id"}, but=dict.fromkeys(("owner", "operator", "admin", "operate token"), 409)
    ),
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
    ("POST", "tenants/<uuid:tenant_id>/members/"): Row("owner writes", {"username": "$somebody", "role": "viewer"}),
    ("GET", "tenants/<uuid:tenant_id>/quota/"): Row("tenant reads"),
    ("PUT", "tenants/<uuid:tenant_id>/quota/"): Row("admins write", {"guests": 100}),
    ("GET", "tenants/<uuid:tenant_id>/quota/history/"): Row("tenant reads"),
    ("GET", "tenants/<uuid:tenant_id>/usage/"): Row("tenant reads"),
    ("GET", "quota-defaults/"): Row("operators read"),
    ("PUT", "quota-defaults/"): Row("admins make", {"guests": 100}),
    ("GET", "quota-requests/"): Row("everybody"),
    # The world's tenants have an open request each, and there may be one only.
    ("POST", "quota-requests/"): Row(
        "owner writes",
        {"tenant": "$tenant_id", "guests": 100, "reason": "x"},
        but=dict.fromkeys(("owner", "operator", "admin", "operate token"), 409),
    ),
    ("GET", "quota-requests/<uuid:request_id>/"): Row("tenant reads"),
    ("DELETE", "quota-requests/<uuid:request_id>/"): Row("owner writes"),
    ("POST", "quota-requests/<uuid:request_id>/approve/"): Row("admins write"),
    ("POST", "quota-requests/<uuid:request_id>/decline/"): Row("admins write", {"message": "x"}),
    ("DELETE", "tenants/<uuid:tenant_id>/"): Row("admins write", but={"admin": 409}),  # it has guests
    ("GET", "tenants/<uuid:tenant_id>/access/"): Row("tenant reads"),
    ("PATCH", "tenants/<uuid:tenant_id>/members/<uuid:user_id>/"): Row("owner writes", {"role": "viewer"}),
    ("DELETE", "tenants/<uuid:tenant_id>/members/<uuid:user_id>/"): Row("owner writes"),
    ("GET", "tenants/<uuid:tenant_id>/invitations/"): Row("tenant reads"),
    ("POST", "tenants/<uuid:tenant_id>/invitations/"): Row("owner writes", {"role": "viewer"}),
    ("DELETE", "tenants/<uuid:tenant_id>/invitations/<uuid:invitation_id>/"): Row("owner writes"),
    ("GET", "console-sessions/"): Row("everybody"),
    # The owner's: others of the tenant see only their own consoles.
    ("GET", "console-sessions/<uuid:session_id>/"): Row("tenant reads", but={"viewer": 404, "member": 404}),
    ("DELETE", "console-sessions/<uuid:session_id>/"): Row("owner writes", but={"viewer": 404, "member": 404}),
    ("GET", "tokens/"): Row("everybody"),
    # A token for one tenant makes tokens for that tenant only, and only when it is named.
    ("POST", "tokens/"): Row("everybody", {"name": "x"}, but={"narrow token": 403}),
    ("GET", "tokens/<uuid:token_id>/"): Row("nobody else", but={"owner": 2, "admin": 2}),
    ("DELETE", "tokens/<uuid:token_id>/"): Row("nobody else", but={"owner": 2, "admin": 2}),
    ("POST", "tokens/<uuid:token_id>/rotate/"): Row("nobody else", but={"owner": 2, "admin": 403}),
    ("GET", "ssh-keys/"): Row("everybody"),
    ("POST", "ssh-keys/"): Row("everybody", {"name": "laptop", "public_key": SSH_KEY}, but={"narrow token": 403}),
    ("GET", "ssh-keys/<uuid:ssh_key_id>/"): Row("nobody else", but={"owner": 2}),
    ("DELETE", "ssh-keys/<uuid:ssh_key_id>/"): Row("nobody else", but={"owner": 2}),
    ("GET", "audit/"): Row("everybody"),
    ("GET", "audit/export/"): Row("everybody"),
    ("GET", "audit/<int:entry_id>/"): Row("tenant reads"),
}
