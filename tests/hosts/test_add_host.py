"""Adding a host: only a name, a kind and a socket path, each checked."""

from __future__ import annotations

import pytest

from hosts.models import Host
from hosts.services import AddHost, add_host
from kvmweb.errors import InvalidInput, NotAllowed
from tenants.models import AuditEntry

pytestmark = pytest.mark.django_db


def test_a_host_waits_for_the_watcher(operator_actor):
    host = add_host(operator_actor, None, AddHost(name="h9", kind="unix", socket_path="/run/h9/libvirt-sock"))
    assert (host.state, host.is_enabled) == ("connecting", True)
    assert AuditEntry.objects.filter(operation="host.create", target_id=host.pk, outcome="done").exists()


@pytest.mark.parametrize("who", ["owner_actor", "auditor_actor", "viewer_actor"])
def test_only_operators_add_hosts(request, who):
    with pytest.raises(NotAllowed):
        add_host(request.getfixturevalue(who), None, AddHost(name="h9", kind="local"))
    assert not Host.objects.exists()


@pytest.mark.parametrize(
    "path",
    [
        "run/libvirt-sock",
        "/run/../etc/shadow",
        "/run/./x",
        "//x",
        "/",
        "/run/x/",
        "/x?socket=/y",
        "/x&command=sh",
        "/x y",
        "/x\ny",
        "/x\n",
        "/$(id)",
        "/-rf",
        "qemu:///system",
        "/" + "x" * 107,
        "/é",
    ],
)
def test_a_path_that_could_be_more_than_a_path_is_refused(operator_actor, path):
    with pytest.raises(InvalidInput) as refused:
        add_host(operator_actor, None, AddHost(name="h9", kind="unix", socket_path=path))
    assert set(refused.value.fields) == {"socket_path"}


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [
        ({"name": "H9"}, "name"),
        ({"name": "-h"}, "name"),
        ({"name": "h\n"}, "name"),
        ({"name": ""}, "name"),
        ({"kind": "ssh"}, "kind"),
        ({"kind": "local", "socket_path": "/x"}, "socket_path"),
        ({"kind": "unix", "socket_path": ""}, "socket_path"),
        ({"acceleration_choice": "xen"}, "acceleration_choice"),
        ({"cpu_overcommit": float("nan")}, "cpu_overcommit"),
        ({"cpu_overcommit": 0}, "cpu_overcommit"),
        ({"memory_overcommit": "2"}, "memory_overcommit"),
        ({"memory_reserved_mib": -1}, "memory_reserved_mib"),
        ({"memory_reserved_mib": True}, "memory_reserved_mib"),
    ],
)
def test_wrong_fields_are_named(operator_actor, fields, wrong):
    request = AddHost(**{"name": "h9", "kind": "unix", "socket_path": "/run/x", **fields})
    with pytest.raises(InvalidInput) as refused:
        add_host(operator_actor, None, request)
    assert set(refused.value.fields) == {wrong}


def test_a_second_host_of_the_same_name_or_socket_is_refused(operator_actor, host):
    with pytest.raises(InvalidInput, match="named h1"):
        add_host(operator_actor, None, AddHost(name="h1", kind="local"))
    with pytest.raises(InvalidInput, match="Host h1 is reached there"):
        add_host(operator_actor, None, AddHost(name="h9", kind="unix", socket_path=host.socket_path))
