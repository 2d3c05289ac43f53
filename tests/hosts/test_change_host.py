"""Changing and disabling hosts."""

from __future__ import annotations

import pytest

from hosts.services import change_host
from kvmweb.errors import InvalidInput, NotAllowed

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
