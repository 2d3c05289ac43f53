"""A guest that our jobs start, reboot or reset has its serial line listened to; whether that works never matters to the job."""

from __future__ import annotations

import pytest
from django.conf import settings

from guests.services.power import POWER
from hypervisor import broker_client
from jobs.models import JobState
from jobs.testing import run_inline

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def asked(monkeypatch):
    asked = []
    monkeypatch.setattr(broker_client, "listen", lambda path, address, uuid: asked.append((path, address, uuid)))
    return asked


@pytest.mark.parametrize(("verb", "state"), [("start", "shutoff"), ("reboot", "running"), ("reset", "running")])
def test_the_broker_is_asked_to_listen(verb, state, asked, member_actor, real_guest):
    guest = real_guest(state=state)
    assert run_inline(POWER[verb](member_actor, guest)).state == JobState.SUCCEEDED
    assert asked == [(settings.CONSOLE_BROKER_SOCKET, guest.host.hypervisor_address, guest.uuid)]


def test_a_guest_that_runs_already_is_left_alone(asked, member_actor, real_guest):
    run_inline(POWER["suspend"](member_actor, real_guest(state="running")))
    assert asked == []


def test_without_a_broker_a_guest_starts_all_the_same(member_actor, real_guest):
    assert run_inline(POWER["start"](member_actor, real_guest(state="shutoff"))).state == JobState.SUCCEEDED
