"""What the first start puts into an empty installation. Every function may run again: it adds what is missing and keeps what is there."""

from __future__ import annotations

import re
import secrets
import socket
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet
from django.utils.module_loading import import_string

from guests.models import Guest
from guests.requests import CreateGuest
from guests.services.create import create_guests
from hosts.inventory import apply_seen, apply_state
from hosts.models import Host, HostState
from hypervisor.errors import HypervisorError
from hypervisor.port import Connector
from hypervisor.specs import NetworkSpec, PoolSpec
from networks.models import Network
from storage.models import Image, Pool
from storage.services.images import register_built_image
from tenants.actor import system_actor
from tenants.models import Membership, SystemRole, Tenant, TenantRole, User
from watcher.first_look import look_first

DEFAULT_TENANT = "default"
DEFAULT_POOL = PoolSpec(name="default", path="/var/lib/libvirt/images")
DEFAULT_NETWORK = NetworkSpec(
    name="default", bridge="virbr0", address="192.168.122.1", prefix=24, dhcp_start="192.168.122.2", dhcp_end="192.168.122.254"
)
ACTOR = system_actor("bootstrap")


@dataclass(frozen=True, slots=True)
class FirstAdmin:
    username: str
    password: str
    """Empty when the account was there already."""


def ensure_tenant() -> Tenant:
    tenant, _ = Tenant.objects.get_or_create(name=DEFAULT_TENANT, defaults={"description": "Guests that belong to nobody else."})
    return tenant


@transaction.atomic
def ensure_admin(tenant: Tenant, *, password: str) -> FirstAdmin:
    """The account `admin`, unless any admin exists. A random password is also kept in secrets/admin_password until it is changed."""
    existing = User.objects.filter(system_role=SystemRole.ADMIN, is_active=True).order_by("date_joined").first()
    if existing is not None:
        return FirstAdmin(existing.username, "")
    chosen = password or secrets.token_urlsafe(12)
    user = User.objects.create_superuser("admin", password=chosen, system_role=SystemRole.ADMIN)
    Membership.objects.create(tenant=tenant, user=user, role=TenantRole.OWNER)
    if not password:
        note = settings.DATA_DIR / "secrets" / "admin_password"
        note.touch(mode=0o600)
        note.write_text(chosen + "\n")
    return FirstAdmin(user.username, chosen)


def ensure_host(kind: Host.Kind) -> Host:
    """A row for this machine's libvirt, or for its test driver as a stand-in."""
    existing = Host.objects.filter(kind=kind).first()
    if existing is not None:
        return existing
    name = "test" if kind == Host.Kind.TEST else _short_hostname()
    if Host.objects.filter(name=name).exists():
        name = f"{name}-{kind}"
    # The test driver claims 3 GiB and uses none of it.
    overcommit = 16.0 if kind == Host.Kind.TEST else 1.0
    return Host.objects.create(
        name=name, kind=kind, description=_DESCRIPTIONS[kind], memory_overcommit=overcommit, cpu_overcommit=4 * overcommit
    )


_DESCRIPTIONS = {
    Host.Kind.LOCAL: "The machine kvmweb runs on.",
    Host.Kind.TEST: "libvirt's test driver: a stand-in without real guests.",
}


def _short_hostname() -> str:
    name = re.sub(r"[^a-z0-9-]+", "-", socket.gethostname().split(".")[0].lower()).strip("-")
    return name[:63] or "local"


def ensure_resources(host: Host) -> str:
    """The host's facts, default pool and default network, there and as rows, so that the first guest need not wait for the watcher.

    Returns a sentence when the host did not let us, else an empty string.
    """
    connect: Connector = import_string(settings.HYPERVISOR_CONNECTOR)
    try:
        connection = connect(host.hypervisor_address, timeout_s=15)
    except (HypervisorError, ImportError) as error:
        return f"Host {host.name} does not answer: {error}"
    try:
        if host.kind != Host.Kind.TEST:  # the test driver brings its own pool and network
            connection.ensure_pool(DEFAULT_POOL)
            connection.ensure_network(DEFAULT_NETWORK)
        look_first(host.pk, connection)
        apply_state(host.pk, HostState.UP)
        apply_seen(host.pk)
    except HypervisorError as error:
        return f"Host {host.name} has no default pool or network: {error}"
    finally:
        connection.close()
    _ensure_default(Pool.objects.filter(host=host))
    _ensure_default(Network.objects.filter(host=host))
    return ""


def _ensure_default(rows: QuerySet[Pool] | QuerySet[Network]) -> None:
    if not rows.filter(is_default=True).exists() and (first := rows.order_by("name").first()):
        type(first).objects.filter(pk=first.pk).update(is_default=True)


def ensure_image(path: Path) -> Image:
    return register_built_image("micro", path)


def ensure_hello(tenant: Tenant, host: Host, image: Image) -> Guest | None:
    """The first guest, made and started by the worker as soon as it runs. Only on an installation that never had a guest."""
    note = settings.DATA_DIR / "run" / "hello-made"
    if note.exists() or Guest.objects.exists():
        return None
    host.refresh_from_db()
    request = CreateGuest(
        name="hello",
        image=image,
        vcpus=1,
        memory_mib=256,
        disk_gib=1,
        host=host if host.state == HostState.UP else None,
        start=True,
        description="The first guest: a tiny Linux with text on the screen and a shell on the serial line.",
    )
    made = create_guests(ACTOR, tenant, request)
    note.parent.mkdir(parents=True, exist_ok=True)
    note.touch()
    return made.guests[0]
