"""The permission matrix of what is no route: operations behind the gate, topics of the live socket, kinds of jobs.

A new one needs its row here, beside its row in `tenants.policy` or its registration: two people have to agree on who may.
"""

from __future__ import annotations

from tests.edges.people import ADMIN, ANYBODY, MEMBER, OPERATOR, OWNER, VIEWER

OPERATIONS: dict[str, tuple[int, str]] = {
    "guest.create": (MEMBER, "tenant"),
    **{f"guest.{verb}": (MEMBER, "guest") for verb in ("start", "shutdown", "reboot", "reset", "force_off", "suspend", "resume")},
    "guest.change": (MEMBER, "guest"),
    "guest.delete": (MEMBER, "guest"),
    "guest.bulk": (MEMBER, "tenant"),
    "guest.transfer": (OWNER, "guest"),
    "guest.adopt": (OPERATOR, "tenant"),
    "console.open": (MEMBER, "guest"),
    "console.view": (VIEWER, "guest"),
    "console.kick": (OWNER, "guest"),
    "image.create": (MEMBER, "tenant"),
    "image.create_public": (OPERATOR, ""),
    "image.change": (MEMBER, "image"),
    "image.delete": (MEMBER, "image"),
    "image.build": (OPERATOR, ""),
    "volume.delete": (MEMBER, "volume"),
    "job.cancel": (MEMBER, "job"),
    "job.retry": (MEMBER, "job"),
    "host.create": (OPERATOR, ""),
    "host.change": (OPERATOR, "host"),
    "host.delete": (OPERATOR, "host"),
    "host.forget": (OPERATOR, "host"),
    "host.preflight": (OPERATOR, "host"),
    "tenant.create": (ADMIN, ""),
    "tenant.change": (ADMIN, "tenant"),
    "tenant.delete": (ADMIN, "tenant"),
    "tenant.add_member": (OWNER, "tenant"),
    "tenant.change_member": (OWNER, "tenant"),
    "tenant.remove_member": (OWNER, "tenant"),
    "tenant.leave": (VIEWER, "tenant"),
    "tenant.invite": (OWNER, "tenant"),
    "tenant.revoke_invitation": (OWNER, "tenant"),
    "tenant.accept_invitation": (ANYBODY, "own"),
    "tenant.set_quota": (ADMIN, "tenant"),
    "tenant.view_as": (OPERATOR, "tenant"),
    "quota_default.change": (ADMIN, ""),
    "quota_request.create": (OWNER, "tenant"),
    "quota_request.cancel": (OWNER, "tenant"),
    "quota_request.approve": (ADMIN, "tenant"),
    "quota_request.decline": (ADMIN, "tenant"),
    "user.create": (ADMIN, ""),
    "user.change": (ADMIN, "own"),
    "user.delete": (ADMIN, "own"),
    "ssh_key.create": (ANYBODY, ""),
    "ssh_key.delete": (ANYBODY, "own"),
    "token.create": (ANYBODY, ""),
    "token.delete": (ANYBODY, "own"),
    "token.rotate": (ANYBODY, "own"),
}
"""Operation -> (least role, what it is done to). "": to nothing that is there yet. "own": to a row found among one's own only."""

TOPICS: dict[str, str] = {
    "guests": "everybody",
    "hosts": "operators read",
    "consoles": "everybody",
    "images": "everybody",
    "jobs": "everybody",
    "guest": "tenant reads",
    "host": "operators read",
    "image": "tenant reads",
    "job": "tenant reads",
}
"""Topic of /ws/live/ -> rule of `tests.edges.people`. Lists go to everybody, with what each may see."""

JOB_KINDS: dict[str, str] = {
    "guest.create": "guest.create",
    "guest.create_many": "guest.create",
    **{f"guest.{verb}": f"guest.{verb}" for verb in ("start", "shutdown", "reboot", "reset", "force_off", "suspend", "resume")},
    "guest.change": "guest.change",
    "guest.delete": "guest.delete",
    "guest.bulk": "guest.bulk",
    "guest.adopt": "guest.adopt",
    "guest.forget_seed": "",
    "host.preflight": "host.preflight",
    "host.remove": "host.delete",
    "image.build": "image.build",
    "image.delete": "image.delete",
    "image.import": "image.create",
    "volume.delete": "volume.delete",
}
"""Kind -> the operation that submits it. "": the product itself does."""
