"""The cast of people and one small installation on the fake host, for all tests."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from django.db.backends.base.operations import BaseDatabaseOperations
from django.test import Client
from rest_framework.test import APIClient

from guests.models import Guest, GuestDisk, GuestNic
from hosts.models import Host, HostState
from networks.models import Network
from storage.models import Image, Pool, Volume
from tenants.actor import Actor, actor_for
from tenants.audit import triggers
from tenants.models import ApiToken, Membership, SystemRole, Tenant, User

PASSWORD = "correct horse battery"


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """KVMWEB_TESTS=database: only tests that touch the database of the settings; the others say the same on any."""
    if os.environ.get("KVMWEB_TESTS") != "database":
        return
    others = [item for item in items if not _touches_database(item)]
    items[:] = [item for item in items if _touches_database(item)]
    config.hook.pytest_deselected(items=others)


def _touches_database(item: pytest.Item) -> bool:
    return item.get_closest_marker("django_db") is not None or bool({"db", "transactional_db"} & set(getattr(item, "fixturenames", ())))


def _flush(operations: BaseDatabaseOperations, statements: list[str], really: Any = BaseDatabaseOperations.execute_sql_flush) -> None:
    """Between tests the audit trail may be emptied; its triggers come back with the flush's post_migrate."""
    really(operations, [*triggers.drop_statements(operations.connection.vendor), *statements])


BaseDatabaseOperations.execute_sql_flush = _flush  # type: ignore[assignment, method-assign]


def make_user(username: str, *, system_role: str = "", tenant: Tenant | None = None, role: str = "") -> User:
    is_admin = system_role == SystemRole.ADMIN
    user = User.objects.create_user(username, password=PASSWORD, system_role=system_role, is_staff=is_admin, is_superuser=is_admin)
    if tenant is not None:
        Membership.objects.create(tenant=tenant, user=user, role=role)
    return user


@pytest.fixture
def tenant(db: None) -> Tenant:
    return Tenant.objects.create(name="acme")


@pytest.fixture
def other_tenant(db: None) -> Tenant:
    return Tenant.objects.create(name="globex")


@pytest.fixture
def admin(db: None) -> User:
    return make_user("ada", system_role=SystemRole.ADMIN)


@pytest.fixture
def operator(db: None) -> User:
    return make_user("olga", system_role=SystemRole.OPERATOR)


@pytest.fixture
def auditor(db: None) -> User:
    return make_user("aude", system_role=SystemRole.AUDITOR)


@pytest.fixture
def owner(tenant: Tenant) -> User:
    return make_user("owen", tenant=tenant, role="owner")


@pytest.fixture
def member(tenant: Tenant) -> User:
    return make_user("mia", tenant=tenant, role="member")


@pytest.fixture
def viewer(tenant: Tenant) -> User:
    return make_user("vera", tenant=tenant, role="viewer")


@pytest.fixture
def stranger(other_tenant: Tenant) -> User:
    """The other tenant's owner."""
    return make_user("sam", tenant=other_tenant, role="owner")


@pytest.fixture
def admin_actor(admin: User) -> Actor:
    return actor_for(admin)


@pytest.fixture
def operator_actor(operator: User) -> Actor:
    return actor_for(operator)


@pytest.fixture
def auditor_actor(auditor: User) -> Actor:
    return actor_for(auditor)


@pytest.fixture
def owner_actor(owner: User) -> Actor:
    return actor_for(owner)


@pytest.fixture
def member_actor(member: User) -> Actor:
    return actor_for(member)


@pytest.fixture
def viewer_actor(viewer: User) -> Actor:
    return actor_for(viewer)


@pytest.fixture
def stranger_actor(stranger: User) -> Actor:
    return actor_for(stranger)


@pytest.fixture
def host(db: None) -> Host:
    """Up, on the fake; its own socket path keeps its state apart from every other test's."""
    return Host.objects.create(
        name="h1",
        kind="unix",
        socket_path=f"/fake/{uuid4()}",
        state=HostState.UP,
        acceleration="qemu",
        cpus=8,
        memory_mib=32768,
        memory_free_mib=24576,
    )


@pytest.fixture
def pool(host: Host) -> Pool:
    size = 500 * 1024**3
    return Pool.objects.create(
        host=host,
        name="default",
        type="dir",
        path="/var/lib/libvirt/images",
        is_active=True,
        is_default=True,
        capacity_bytes=size,
        available_bytes=size,
    )


@pytest.fixture
def network(host: Host) -> Network:
    return Network.objects.create(host=host, name="default", bridge="virbr0", forward="nat", is_active=True, is_default=True)


@pytest.fixture
def image(db: None, settings: Any) -> Image:
    """A ready public image whose file really is in the images folder."""
    settings.IMAGES_DIR.mkdir(parents=True, exist_ok=True)
    image = Image(name="micro", kind="disk", os="linux", state="ready", format="qcow2", virtual_size_bytes=64 * 1024**2, recipe="micro")
    image.file_name = f"{image.id}.qcow2"
    content = b"QFI\xfb" + b"\0" * 4096
    (settings.IMAGES_DIR / image.file_name).write_bytes(content)
    image.size_bytes = len(content)
    image.save()
    return image


@pytest.fixture
def make_guest(tenant: Tenant, host: Host, pool: Pool, network: Network) -> Callable[..., Guest]:
    """Rows of a guest that is there already, as the watcher would have left them; nothing on the fake host."""

    def make(name: str = "web-1", **fields: Any) -> Guest:
        fields = {"tenant": tenant, "host": host, "vcpus": 1, "memory_mib": 512, "disk_gib": 1, "state": "shutoff", **fields}
        uuid = uuid4()
        guest = Guest.objects.create(name=name, uuid=uuid, domain_name=f"{name}-{uuid.hex[:8]}", **fields)
        volume = Volume.objects.create(
            pool=pool,
            tenant=guest.tenant,
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

    return make


@pytest.fixture
def client_for() -> Callable[[User], Client]:
    def logged_in(user: User) -> Client:
        client = Client()
        client.force_login(user)
        return client

    return logged_in


@pytest.fixture
def api_for() -> Callable[..., APIClient]:
    """A REST client with a token of `scope`."""

    def with_token(user: User | None, scope: str = "admin", **fields: Any) -> APIClient:
        client = APIClient()
        if user is not None:
            _, key = ApiToken.objects.create(user=user, name="test", scope=scope, **fields)
            client.credentials(HTTP_AUTHORIZATION=f"Token {key}")
        return client

    return with_token
