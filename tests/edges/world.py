"""A small installation with two tenants, acme and globex, that have one of everything. Made once per module, because it is slow.

Every text of acme's rows holds CANARY and every text that only operators may read holds STAFF_CANARY, so that an answer with either
gives itself away. A new kind of row that a path or a body can name gets its line in `_rows_of`.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from datetime import timedelta
from importlib import import_module
from typing import Any
from uuid import uuid4

from allauth.account.internal.flows.login import _AUTHENTICATION_METHODS_USER_SESSION_KEY, AUTHENTICATION_METHODS_SESSION_KEY
from django.apps import apps
from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.db import models
from django.test import Client
from django.utils import timezone
from rest_framework.test import APIClient

from accounts.models import SshKey
from console.models import ConsoleSession
from guests.models import Guest, GuestDisk, GuestNic
from hosts.models import Host, HostState, UnmanagedGuest
from jobs.models import Job
from networks.models import Network
from storage.models import Image, Pool, Volume
from tenants import audit
from tenants.actor import actor_for
from tenants.models import ApiToken, AuditEntry, Invitation, Membership, QuotaRequest, SystemRole, Tenant, User
from tenants.selectors import token_id
from tests.edges import people
from tests.edges.people import Person

CANARY, STAFF_CANARY, OTHER = "qzacme7", "qzstaff9", "globex"

PLAIN = {"recipe": "debian12", "somebody": "u-narrow-token", "uidb36": "0", "key": "x", "pk": "1", "token": "no-such-invitation-0000000000"}
"""Parameters that are no ids of a tenant's rows."""

Ids = dict[str, str]
"""Parameter of a path or "$name" of a body -> the row's id."""


@dataclass
class World:
    acme: Ids = field(default_factory=dict)
    globex: Ids = field(default_factory=dict)
    users: dict[str, User] = field(default_factory=dict)
    keys: dict[str, str] = field(default_factory=dict)
    """Person's name -> the key of their API token."""
    sessions: dict[str, str] = field(default_factory=dict)

    def api(self, person: Person) -> APIClient:
        client = APIClient(raise_request_exception=False)
        if person.name in self.keys:
            client.credentials(HTTP_AUTHORIZATION=f"Token {self.keys[person.name]}")
        return client

    def browser(self, person: Person, **options: Any) -> Client:
        client = Client(raise_request_exception=False, **options)
        if person.name in self.sessions:
            client.cookies[settings.SESSION_COOKIE_NAME] = self.sessions[person.name]
        return client

    def prepare(self, row: Any) -> Ids:
        """acme's ids, with its guest and job in the state that the row of a table needs."""
        Guest.objects.filter(pk=self.acme["guest_id"]).update(state=row.guest_state)
        Job.objects.filter(pk=self.acme["job_id"]).update(state=row.job_state)
        return {**self.acme, "host_id": self.acme["empty_host_id"]} if row.host == "empty" else self.acme


def build() -> World:
    world = World()
    acme, globex = Tenant.objects.create(name=f"{CANARY}-corp"), Tenant.objects.create(name=OTHER)
    host = Host.objects.create(
        name=f"{STAFF_CANARY}-h1",
        kind="unix",
        socket_path=f"/fake/{STAFF_CANARY}/{uuid4()}",
        state=HostState.UP,
        acceleration="qemu",
        cpus=8,
        memory_mib=32768,
        memory_free_mib=24576,
    )
    empty = Host.objects.create(name=f"{STAFF_CANARY}-empty", kind="unix", socket_path=f"/fake/{STAFF_CANARY}/{uuid4()}")
    size = 500 * 1024**3
    pool = Pool.objects.create(
        host=host,
        name=f"{STAFF_CANARY}-pool",
        type="dir",
        path=f"/var/lib/{STAFF_CANARY}",
        is_active=True,
        is_default=True,
        capacity_bytes=size,
        available_bytes=size,
    )
    Network.objects.create(host=host, name="default", bridge="virbr0", forward="nat", is_active=True, is_default=True)
    _people(world, acme, globex)
    world.acme = _rows_of(acme, world.users["owner"], host, pool, mark=CANARY)
    world.globex = _rows_of(globex, world.users["stranger"], host, pool, mark=OTHER)
    for ids in (world.acme, world.globex):
        ids.update(host_id=str(host.pk), empty_host_id=str(empty.pk), pool_id=str(pool.pk), **PLAIN)
    return world


def _people(world: World, acme: Tenant, globex: Tenant) -> None:
    staff = {"auditor": SystemRole.AUDITOR, "operator": SystemRole.OPERATOR, "operate token": SystemRole.OPERATOR}
    admins = ("admin", "narrow token")
    in_acme = {"viewer": "viewer", "member": "member", "owner": "owner", "disabled": "owner", "expired": "owner", "read token": "owner"}
    for person in people.TOKENS:
        if person.name in ("nobody", "bogus"):
            continue
        is_admin = person.name in admins
        user = User.objects.create(
            username=f"{CANARY if person.name in in_acme else 'u'}-{person.name.replace(' ', '-')}",
            password="unusable",
            system_role=SystemRole.ADMIN if is_admin else staff.get(person.name, ""),
            is_staff=is_admin,
            is_superuser=is_admin,
        )
        world.users[person.name] = user
        if person.name in in_acme:
            Membership.objects.create(tenant=acme, user=user, role=in_acme[person.name])
        only_tenant = None
        if person.name == "narrow token":
            only_tenant = globex
            for tenant in (acme, globex):
                Membership.objects.create(tenant=tenant, user=user, role="owner")
        expiry = timedelta(seconds=-1) if person.name == "expired" else None
        _, world.keys[person.name] = ApiToken.objects.create(user=user, name="walk", scope=person.scope, tenant=only_tenant, expiry=expiry)
        if person in people.SESSIONS:
            world.sessions[person.name] = _session_of(user, is_expired=person.name == "expired")
    Membership.objects.create(tenant=globex, user=world.users["stranger"], role="owner")
    User.objects.filter(pk=world.users["disabled"].pk).update(is_active=False)
    world.keys["bogus"], world.sessions["bogus"] = "0" * 64, "0" * 32


def _session_of(user: User, *, is_expired: bool) -> str:
    session = import_module(settings.SESSION_ENGINE).SessionStore()
    session[SESSION_KEY] = str(user.pk)
    session[BACKEND_SESSION_KEY] = settings.AUTHENTICATION_BACKENDS[0]
    session[HASH_SESSION_KEY] = user.get_session_auth_hash()
    # allauth asks for the password again before changes of an account, unless it was asked lately.
    session[AUTHENTICATION_METHODS_SESSION_KEY] = [{"method": "password", "at": time.time(), "reauthenticated": True}]
    session[_AUTHENTICATION_METHODS_USER_SESSION_KEY] = str(user.pk)
    session.save()
    if is_expired:
        session.model.objects.filter(pk=session.session_key).update(expire_date=timezone.now() - timedelta(seconds=1))
    return str(session.session_key)


def _rows_of(tenant: Tenant, owner: User, host: Host, pool: Pool, *, mark: str) -> Ids:
    """One of everything that belongs to a tenant. Text fields get `mark`, see `fill_texts`."""
    network = Network.objects.create(host=host, tenant=tenant, name=f"{mark}-net", is_active=True)
    guest = _guest(f"{mark}-web", tenant, host, pool, network)
    detached = _guest(f"{mark}-gone", tenant, host, pool, network)
    volume = Volume.objects.get(guest_disks__guest=detached)
    GuestDisk.objects.filter(guest=detached).delete()
    job = Job.objects.create(
        kind="guest.start",
        args={"image_id": str(uuid4()), "guest_id": str(guest.pk)},
        error={"code": "x", "message": mark, "hint": "", "operator_text": f"{STAFF_CANARY} /var/lib/x"},
        title=f"Start guest {mark}",
        actor_label=mark,
        tenant=tenant,
        host_id=host.pk,
        target_type="guest",
        target_id=guest.pk,
        target_name=guest.name,
    )
    unmanaged = UnmanagedGuest.objects.create(host=host, uuid=uuid4(), name=f"{STAFF_CANARY}-old", state="running", vcpus=1, memory_mib=64)
    token, _ = ApiToken.objects.create(user=owner, name=f"{mark}-token", scope="read")
    now, later = timezone.now(), timezone.now() + timedelta(hours=1)
    session = ConsoleSession.objects.create(  # open, and carried by a process that lives
        user=owner, guest=guest, kind="vnc", mode="view", ticket_hash=uuid4().hex * 2, expires_at=later,
        opened_at=now, active_at=now, seen_at=later, address=mark,
    )  # fmt: skip
    rows: dict[str, models.Model] = {
        "guest": guest,
        "volume": volume,
        "job": job,
        "image": _image(mark, tenant),
        "network": network,
        "tenant": tenant,
        "session": session,
        "user": _member(f"{mark}-target", tenant),
        "invitation": Invitation.objects.create(
            tenant=tenant, note=mark, token_hash=uuid4().hex * 2, created_by=owner, expires_at=timezone.now() + timedelta(days=1)
        ),
        "request": QuotaRequest.objects.create(tenant=tenant, guests=100, reason=mark, message=mark, requested_by_label=mark),
        "ssh_key": SshKey.objects.create(user=owner, name=mark, public_key=f"ssh-ed25519 {mark}", fingerprint=mark),
    }
    fill_texts(guest, job, volume, rows["image"], network, tenant, mark=mark)
    ids = {f"{name}_id": str(row.pk) for name, row in rows.items()}
    entry = audit.record(actor_for(owner), "guest.start", AuditEntry.Outcome.DONE, target=guest, message=mark)
    ids["entry_id"] = str(entry.pk)
    return {
        **ids,
        "domain_uuid": str(unmanaged.uuid),
        "token_id": str(token_id(token)),
        "username": owner.username,
        "guest_name": guest.name,
    }


def _member(username: str, tenant: Tenant) -> User:
    user = User.objects.create(username=username, password="unusable")
    Membership.objects.create(tenant=tenant, user=user, role="member")
    return user


def _guest(name: str, tenant: Tenant, host: Host, pool: Pool, network: Network) -> Guest:
    uuid = uuid4()
    guest = Guest.objects.create(
        tenant=tenant,
        host=host,
        vcpus=1,
        memory_mib=512,
        disk_gib=1,
        state="shutoff",
        name=name,
        uuid=uuid,
        domain_name=f"{name}-{uuid.hex[:8]}",
        tags=[name],
    )
    volume = Volume.objects.create(
        pool=pool,
        tenant=tenant,
        name=f"{guest.domain_name}-vda.qcow2",
        path=f"{pool.path}/{guest.domain_name}-vda.qcow2",
        purpose="disk",
        state="ready",
        format="qcow2",
        capacity_bytes=1024**3,
    )
    GuestDisk.objects.create(guest=guest, volume=volume, target="vda", path=volume.path, boot_order=1)
    GuestNic.objects.create(guest=guest, network=network, mac="52:54:00:" + ":".join(f"{b:02x}" for b in uuid.bytes[:3]))
    return guest


def _image(mark: str, tenant: Tenant) -> Image:
    """Ready, with a file."""
    settings.IMAGES_DIR.mkdir(parents=True, exist_ok=True)
    image = Image(name=f"{mark}-image", kind="disk", os="linux", state="ready", format="qcow2", virtual_size_bytes=64 * 1024**2)
    image.tenant = tenant
    image.file_name = f"{image.id}.qcow2"
    content = b"QFI\xfb" + b"\0" * 4096
    (settings.IMAGES_DIR / image.file_name).write_bytes(content)
    image.size_bytes = len(content)
    image.save()
    return image


MEANS_SOMETHING = (
    "state",
    "format",
    "file_name",
    "kind",
    "os",
    "target_type",
    "mac",
    "path",
    "domain_name",
    "recipe",
    "exclusive_key",
    "name",
)
"""Text that is compared, followed or shown by what it says; and names, which are marked where they are made."""


def fill_texts(*rows: models.Model, mark: str) -> None:
    for row in rows:
        for column in row._meta.fields:
            is_text = isinstance(column, models.CharField | models.TextField) and not column.choices
            if is_text and column.name not in MEANS_SOMETHING and not column.name.endswith(("_hash", "_state", "_owner")):
                setattr(row, column.name, f"{mark} {column.name}"[: column.max_length])
        row.save()


def our_models() -> list[type[models.Model]]:
    rooms = ("tenants", "jobs", "hosts", "networks", "storage", "guests", "console", "accounts")
    return [model for model in apps.get_models() if model.__module__.split(".")[0] in rooms]
