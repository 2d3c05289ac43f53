"""The generic workflow tests pass for a sound workflow, and fail for each way in which one can be unsound."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hypervisor import fake
from hypervisor.specs import HostAddress, PoolSpec, VolumeSpec
from jobs import testing
from jobs import workflow as registry
from jobs.workflow import Step, Workflow

ADDRESS = HostAddress("unix", "/tests/jobs")
POOL = PoolSpec(name="p", path="/pool")
NAMES = ("one", "two")


def make_volume(name: str) -> Step:
    def do(context):
        host = context.host(ADDRESS)
        if host.volume("p", name) is None:
            host.create_volume("p", VolumeSpec(name, 1024))
        return {"name": name}

    def undo(context):
        context.host(ADDRESS).delete_volume("p", name)

    return Step(name, f"Make {name}", do, undo, is_done=lambda context: context.host(ADDRESS).volume("p", name) is not None)


def delete_row(context):
    from hosts.models import Host

    Host.objects.filter(name="made by the job").delete()


SOUND = Workflow("test.volumes", tuple(make_volume(name) for name in NAMES), on_failure=delete_row)
CHOSEN = SOUND


def with_second(**fields):
    return replace(SOUND, steps=(SOUND.steps[0], replace(SOUND.steps[1], **fields)))


@pytest.fixture
def machine(monkeypatch):
    fake.reset()
    machine = fake.machine(ADDRESS)
    fake.connect(ADDRESS).ensure_pool(POOL)
    monkeypatch.setitem(registry._registered, "test.volumes", registry.Registration(f"{__name__}.CHOSEN"))
    yield machine
    fake.reset()


@pytest.fixture
def make_job(submit_job):
    from hosts.models import Host

    def make():
        Host.objects.create(name="made by the job", kind="test")
        return submit_job(kind="test.volumes", exclusive_key="host:1")

    return make


ALL = (testing.assert_every_step_twice, testing.assert_unwinds_from_every_step, testing.assert_survives_a_lost_worker)


@pytest.mark.parametrize("assertion", ALL)
def test_a_sound_workflow_passes_and_leaves_nothing_behind(assertion, make_job, machine):
    before = machine.snapshot(), testing.database_snapshot()
    assertion(make_job, machine)
    assert (machine.snapshot(), testing.database_snapshot()) == before


def not_idempotent(context):
    host = context.host(ADDRESS)
    host.create_volume("p", VolumeSpec(f"extra-{len(host.volumes('p'))}", 1))


UNSOUND = {
    "a second do that changes something": (with_second(do=not_idempotent), testing.assert_every_step_twice, "second do"),
    "an is_done that is wrong": (with_second(is_done=lambda context: False), testing.assert_every_step_twice, "is_done says no"),
    "an undo that is missing": (with_second(undo=lambda context: None), testing.assert_unwinds_from_every_step, "left on the host"),
    "a row that stays": (replace(SOUND, on_failure=lambda context: None), testing.assert_unwinds_from_every_step, "rows of hosts.Host"),
    "a do that cannot be repeated after a crash": (
        with_second(
            do=lambda context: context.host(ADDRESS).create_volume("p", VolumeSpec("two", 1)) and None, is_done=lambda context: False
        ),
        testing.assert_survives_a_lost_worker,
        "dies after two",
    ),
}


@pytest.mark.parametrize("name", UNSOUND)
def test_an_unsound_workflow_is_caught(name, make_job, machine, monkeypatch):
    workflow, assertion, words = UNSOUND[name]
    monkeypatch.setitem(globals(), "CHOSEN", workflow)
    with pytest.raises(AssertionError, match=words):
        assertion(make_job, machine)
