"""A lively demo on libvirt's test driver: tenants, people, quotas and guests in every state, made through the real services and jobs."""

from __future__ import annotations

import time
from dataclasses import dataclass

from guests.models import Guest
from guests.requests import CreateGuest
from guests.services.create import create_guests
from guests.services.power import POWER
from hosts.models import Host
from jobs.models import Job, JobState
from jobs.runner import run
from storage.models import Image
from tenants.actor import Actor, actor_for
from tenants.models import Membership, Quota, Tenant, User

PASSWORD = "demo demo demo"


@dataclass(frozen=True, slots=True)
class DemoGuest:
    name: str
    tenant: str
    vcpus: int
    memory_mib: int
    disk_gib: int
    state: str
    tags: tuple[str, ...] = ()


TENANTS = {"acme": ("anna", "owner"), "contoso": ("carl", "owner"), "ops": ("oscar", "member")}

GUESTS = (
    DemoGuest("web-01", "acme", 2, 256, 20, "running", ("web", "prod")),
    DemoGuest("web-02", "acme", 2, 256, 20, "running", ("web", "prod")),
    DemoGuest("db-primary", "acme", 4, 512, 80, "running", ("db", "prod")),
    DemoGuest("db-replica", "acme", 4, 512, 80, "paused", ("db", "prod")),
    DemoGuest("win-rdp", "contoso", 2, 256, 60, "running", ("desktop",)),
    DemoGuest("legacy-erp", "contoso", 1, 128, 40, "shutoff", ("legacy",)),
    DemoGuest("mail", "contoso", 1, 128, 30, "running", ("mail", "prod")),
    DemoGuest("build-runner-1", "ops", 2, 256, 30, "running", ("ci",)),
    DemoGuest("build-runner-2", "ops", 2, 256, 30, "shutoff", ("ci",)),
    DemoGuest("gitlab", "ops", 4, 512, 100, "running", ("ci", "prod")),
    DemoGuest("monitor", "ops", 1, 128, 20, "running", ("prod",)),
    DemoGuest("bastion", "ops", 1, 128, 8, "running", ("prod", "ssh")),
    DemoGuest("sandbox", "acme", 1, 128, 8, "shutoff", ("test",)),
)


def seed(admin: User, host: Host, image: Image, *, extra: int = 0) -> list[Guest]:
    """Add what is missing of the demo; `extra` more guests called lab-001 and on. Returns the guests made."""
    actor = actor_for(admin)
    tenants = {name: _ensure_tenant(name, *person) for name, person in TENANTS.items()}
    wanted = [*GUESTS, *(DemoGuest(f"lab-{n:03d}", "ops", 1, 64, 4, "running", ("lab",)) for n in range(1, extra + 1))]
    return [
        _make(actor, tenants[guest.tenant], host, image, guest)
        for guest in wanted
        if not Guest.objects.filter(tenant=tenants[guest.tenant], name=guest.name).exists()
    ]


def _ensure_tenant(name: str, username: str, role: str) -> Tenant:
    tenant, is_new = Tenant.objects.get_or_create(name=name)
    if is_new:
        Quota.objects.create(tenant=tenant, guests=20, vcpus=32, memory_mib=8192, disk_gib=600)
    user, is_new = User.objects.get_or_create(username=username)
    if is_new:
        user.set_password(PASSWORD)
        user.save()
    Membership.objects.get_or_create(tenant=tenant, user=user, defaults={"role": role})
    return tenant


def _make(actor: Actor, tenant: Tenant, host: Host, image: Image, wanted: DemoGuest) -> Guest:
    request = CreateGuest(
        name=wanted.name,
        image=image,
        vcpus=wanted.vcpus,
        memory_mib=wanted.memory_mib,
        disk_gib=wanted.disk_gib,
        host=host,
        start=wanted.state != "shutoff",
        tags=wanted.tags,
    )
    made = create_guests(actor, tenant, request)
    _finish(made.job)
    guest = made.guests[0]
    guest.refresh_from_db()
    if wanted.state == "paused":
        _finish(POWER["suspend"](actor, guest))
    return guest


def _finish(job: Job) -> None:
    """Run it here and now: the demo needs no worker. One that runs may have taken it first; then wait for it."""
    run(job.pk)
    for _ in range(600):
        job.refresh_from_db()
        if job.state not in (JobState.QUEUED, JobState.RUNNING, JobState.CANCELLING):
            return
        time.sleep(0.1)
