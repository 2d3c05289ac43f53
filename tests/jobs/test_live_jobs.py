"""What open browsers are told about jobs."""

from __future__ import annotations

import pytest

from hypervisor.errors import Refused
from jobs import live
from jobs.testing import run_inline
from kvmweb.errors import NotFound
from live import publish


@pytest.fixture
def told(monkeypatch):
    told = []
    monkeypatch.setattr(publish, "changed", lambda kind, row_id, **fields: told.append((kind, row_id, fields)))
    return told


def test_each_change_is_told_once_committed_with_growing_versions(world, submit_job, told, django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks(execute=True):
        job = submit_job()
    with django_capture_on_commit_callbacks(execute=True):
        run_inline(job)
    versions = [fields["version"] for _, _, fields in told]
    assert versions == sorted(versions)
    assert {(kind, row_id) for kind, row_id, _ in told} == {("job", job.pk)}
    last = told[-1][2]["data"]
    assert (last["state"], last["progress"]) == ("succeeded", 1.0)
    assert [step["state"] for step in last["steps"]] == ["done"] * 3


def test_a_snapshot_shows_what_the_reader_may_see(world, submit_job, tenant, member_actor, stranger_actor, host):
    world.raising["b"] = Refused("/srv/secret")
    job = run_inline(submit_job(member_actor, tenant=tenant, host_id=host.pk))
    submit_job()
    mine = live.list_snapshot(member_actor)
    assert [row["id"] for row in mine["results"]] == [str(job.pk)]
    assert mine["summary"]["queued"] == 0
    assert live.list_snapshot(stranger_actor)["results"] == []
    detail = live.row_snapshot(member_actor, str(job.pk))
    assert detail["host_id"] is None
    assert "secret" not in str(detail)
    assert [line["text"] for line in detail["log"]] == ["Make b: the host refused."]
    with pytest.raises(NotFound):
        live.row_snapshot(stranger_actor, str(job.pk))
