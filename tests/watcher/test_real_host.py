"""The watcher on a private real host with a real QEMU guest: changes made with virsh, libvirtd killed, frozen and back."""

from __future__ import annotations

import time
from collections.abc import Iterator
from uuid import uuid4

import pytest
from channels.db import database_sync_to_async

from guests.models import Guest
from hosts.models import Host
from hypervisor.specs import GuestSpec
from tests.lab.fixtures import lab_host, make_lab_host  # noqa: F401
from tests.live.conftest import cookie_of
from tests.sockets import WebsocketCommunicator
from tests.watcher.conftest import eventually, state_of

pytestmark = [pytest.mark.real, pytest.mark.django_db(transaction=True), pytest.mark.timeout(180)]


@pytest.fixture
def real_host(lab_host, settings) -> Iterator[Host]:  # noqa: F811
    settings.HYPERVISOR_CONNECTOR = "hypervisor.libvirt.sessions.connect"
    yield Host.objects.create(name="real", kind="unix", socket_path=str(lab_host.socket))
    lab_host.thaw()
    if not lab_host.answers():
        lab_host.start()


@pytest.fixture
def guest(real_host, tenant, lab_host) -> Iterator[Guest]:  # noqa: F811
    from hypervisor.libvirt.sessions import connect

    uuid = uuid4()
    spec = GuestSpec(uuid=uuid, name=f"w-{uuid.hex[:8]}", title="", vcpus=1, memory_mib=64, acceleration="qemu", machine="pc")
    connection = connect(real_host.hypervisor_address)
    connection.define_guest(spec)
    connection.start_guest(uuid)
    connection.close()
    yield Guest.objects.create(
        name="w", uuid=uuid, domain_name=spec.name, tenant=tenant, host=real_host, vcpus=1, memory_mib=64, state="shutoff"
    )
    lab_host.thaw()
    if not lab_host.answers():
        lab_host.start()
    lab_host.virsh("destroy", spec.name)
    lab_host.virsh("undefine", spec.name)


def host_state(host: Host) -> str:
    return str(Host.objects.values_list("state", flat=True).get(pk=host.pk))


@pytest.fixture
def up(guest, real_host, watch):
    watch()
    eventually(lambda: host_state(real_host) == "up" and state_of(guest) == "running", within_s=15)


def test_virsh_suspend_and_resume_are_seen_within_a_moment(up, guest, lab_host):  # noqa: F811
    for _ in range(3):
        lab_host.virsh("suspend", guest.domain_name)
        eventually(lambda: state_of(guest) == "paused", within_s=1)
        lab_host.virsh("resume", guest.domain_name)
        eventually(lambda: state_of(guest) == "running", within_s=1)


def test_the_definition_and_the_host_s_facts_are_read(up, guest, real_host):
    eventually(lambda: Guest.objects.get(pk=guest.pk).definition_digest, within_s=10)
    assert Guest.objects.get(pk=guest.pk).acceleration == "qemu"
    eventually(lambda: Host.objects.get(pk=real_host.pk).cpus > 0, within_s=10)
    eventually(lambda: Guest.objects.get(pk=guest.pk).cpu_percent is not None, within_s=25)


def test_a_killed_libvirtd_is_told_within_10_s_and_its_guests_run_on(up, guest, real_host, lab_host):  # noqa: F811
    lab_host.kill()
    started = time.monotonic()
    eventually(lambda: host_state(real_host) == "unreachable", within_s=10)
    print(f"unreachable after {time.monotonic() - started:.2f} s")
    lab_host.start()
    started = time.monotonic()
    eventually(lambda: host_state(real_host) == "up", within_s=15)
    print(f"up again after {time.monotonic() - started:.2f} s")
    for _ in range(50):
        row = Guest.objects.get(pk=guest.pk)
        assert (row.state, row.is_missing) == ("running", False)
        time.sleep(0.1)
    lab_host.virsh("suspend", guest.domain_name)
    eventually(lambda: state_of(guest) == "paused", within_s=2)


def test_a_frozen_libvirtd_is_told_within_25_s_and_is_right_again_soon(up, guest, real_host, host, lab_host, watch):  # noqa: F811
    lab_host.freeze()
    started = time.monotonic()
    eventually(lambda: host_state(real_host) == "unreachable", within_s=25)
    print(f"unreachable after {time.monotonic() - started:.2f} s")
    lab_host.thaw()
    started = time.monotonic()
    eventually(lambda: host_state(real_host) == "up", within_s=15)
    print(f"up again after {time.monotonic() - started:.2f} s")
    lab_host.virsh("suspend", guest.domain_name)
    eventually(lambda: state_of(guest) == "paused", within_s=2)


def test_an_undefined_and_stopped_guest_is_missing_and_keeps_its_row(up, guest, real_host, lab_host):  # noqa: F811
    xml = lab_host.virsh("dumpxml", "--inactive", guest.domain_name)
    lab_host.virsh("undefine", guest.domain_name)
    lab_host.virsh("destroy", guest.domain_name)
    eventually(lambda: Guest.objects.get(pk=guest.pk).is_missing, within_s=5)
    (lab_host.folder / "back.xml").write_text(xml)
    lab_host.virsh("define", str(lab_host.folder / "back.xml"))
    lab_host.virsh("start", guest.domain_name)
    eventually(lambda: state_of(guest) == "running" and not Guest.objects.get(pk=guest.pk).is_missing, within_s=5)


async def test_a_change_with_virsh_arrives_on_an_open_socket(real_host, guest, watch, member, lab_host):  # noqa: F811
    from kvmweb.asgi import application

    await database_sync_to_async(watch)()
    await database_sync_to_async(eventually)(lambda: state_of(guest) == "running", within_s=15)
    cookie = await database_sync_to_async(cookie_of)(member)
    headers = [(b"host", b"kvmweb.test"), (b"origin", b"http://kvmweb.test"), (b"cookie", cookie)]
    socket = WebsocketCommunicator(application, "/ws/live/", headers=headers)
    assert (await socket.connect())[0]
    await socket.send_json_to({"subscribe": [f"guest:{guest.pk}"]})
    assert (await socket.receive_json_from())["data"]["state"] == "running"
    await database_sync_to_async(lab_host.virsh)("suspend", guest.domain_name)
    while (message := await socket.receive_json_from())["data"]["state"] != "paused":
        pass
    assert message["data"]["host"] is None
    await socket.disconnect()
