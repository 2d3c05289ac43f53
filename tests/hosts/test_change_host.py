"""Changing, disabling and removing hosts."""

from __future__ import annotations

import pytest

from hosts.models import Host
from hosts.services import change_host, remove_host
from jobs.models import Job
from kvmweb.errors import Conflict, InvalidInput, NotAllowed

pytestmark = pytest.mark.django_db


def test_settings_are_changed_and_the_version_grows(operator_actor, host):
    changed = change_host(operator_actor, host, {"description": "rack 3", "cpu_overcommit": 2.0})
    host.refresh_from_db()
    assert (host.description, host.cpu_overcommit, host.version) == ("rack 3", 2.0, changed.version)
    assert host.version == 2


def test_disabling_shows_at_once_and_enabling_connects_again(operator_actor, host):
    assert change_host(operator_actor, host, {"is_enabled": False}).state == "disabled"
    assert change_host(operator_actor, host, {"is_enabled": True}).state == "connecting"


@pytest.mark.parametrize("field", ["state", "socket_path", "kind", "id", "version"])
def test_what_is_observed_or_fixed_cannot_be_changed(operator_actor, host, field):
    with pytest.raises(InvalidInput) as refused:
        change_host(operator_actor, host, {field: "x"})
    assert set(refused.value.fields) == {field}


def test_owners_cannot_change_hosts(owner_actor, host):
    with pytest.raises(NotAllowed):
        change_host(owner_actor, host, {"description": "x"})


def test_a_host_with_guests_stays(operator_actor, host, make_guest):
    make_guest()
    with pytest.raises(Conflict, match=r"1 guest\."):
        remove_host(operator_actor, host)
    assert Host.objects.exists()


def test_a_host_with_volumes_stays(operator_actor, host, make_guest):
    make_guest().delete()
    with pytest.raises(Conflict, match="1 volume "):
        remove_host(operator_actor, host)


def test_a_host_a_job_works_on_stays(operator_actor, host):
    Job.objects.create(kind="guest.create", title="Create", host_id=host.pk)
    with pytest.raises(Conflict, match="Jobs work"):
        remove_host(operator_actor, host)


def test_an_empty_host_goes_with_its_pools_and_networks(operator_actor, host, pool, network):
    remove_host(operator_actor, host)
    assert not Host.objects.exists()
