"""What is recorded: changes with their diff, refusals, faults, the end of jobs, saves in the administration; and never a secret."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from rest_framework.test import APIClient

from guests.models import Guest
from jobs import transitions
from jobs.models import Job, JobState
from kvmweb.errors import Unavailable
from tenants import gate
from tenants.actor import Actor, actor_for
from tenants.audit import diff, reading
from tenants.gate import OPERATIONS, operation
from tenants.models import AuditEntry, Membership, Quota, Tenant, User

pytestmark = pytest.mark.django_db
Api = Callable[..., APIClient]


@pytest.fixture
def gated() -> Any:
    """A service of one's own under an operation's name."""
    kept = dict(OPERATIONS)
    yield lambda service: operation("guest.change")(service)
    OPERATIONS.clear()
    OPERATIONS.update(kept)


def last() -> AuditEntry:
    return AuditEntry.objects.order_by("-pk")[0]


def test_a_change_says_what_was_before_and_after(member: User, make_guest: Any, api_for: Api) -> None:
    guest = make_guest(description="old")
    api_for(member).patch(f"/api/v1/guests/{guest.pk}/", {"description": "new", "is_protected": True})
    assert last().details["changes"] == {"description": ["old", "new"], "is_protected": [False, True]}
    assert (last().outcome, last().target_name, last().address) == ("done", "web-1", "127.0.0.1")


def test_a_change_that_becomes_a_job_names_it_and_so_does_the_jobs_end(
    member_actor: Actor, make_guest: Any, member: User, api_for: Api
) -> None:
    guest = make_guest()
    answer = api_for(member).post(f"/api/v1/guests/{guest.pk}/start/", HTTP_X_REQUEST_ID="click-0001").json()
    click = last()
    assert (click.operation, str(click.job_id), click.request_id) == ("guest.start", answer["job"]["id"], "click-0001")
    job = Job.objects.get()
    lease = transitions.claim(job, worker="w", slot="1")
    transitions.finish(lease, JobState.FAILED, error={"code": "x", "message": "No memory."})
    end = last()
    assert (end.operation, end.outcome, end.message, end.actor_label) == ("job.failed", "failed", "No memory.", "mia")
    assert (end.target_type, end.target_id, end.tenant_id) == ("guest", str(guest.pk), guest.tenant_id)
    assert list(reading.related_to(member_actor, click)) == [end]
    assert list(reading.related_to(member_actor, end)) == [click]


@pytest.mark.parametrize(("state", "outcome"), [(JobState.CANCELLED, "done"), (JobState.SUCCEEDED, None)])
def test_a_cancelled_job_is_recorded_and_a_successful_one_is_not(tenant: Tenant, state: JobState, outcome: str | None) -> None:
    job = Job.objects.create(kind="x", title="X", actor_label="mia", tenant=tenant)
    transitions.finish(transitions.claim(job, worker="w", slot="1"), state)
    assert [entry.outcome for entry in AuditEntry.objects.all()] == ([outcome] if outcome else [])


def test_a_refusal_with_503_survives_the_rollback_of_the_request(
    member: User, make_guest: Any, api_for: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*args: Any, **kwargs: Any) -> None:
        raise Unavailable("The host does not answer.")

    guest = make_guest()
    monkeypatch.setattr("guests.services.change._check", fail)
    assert api_for(member).patch(f"/api/v1/guests/{guest.pk}/", {"description": "x"}).status_code == 503
    assert [(entry.outcome, entry.message) for entry in AuditEntry.objects.all()] == [("refused", "The host does not answer.")]


def test_a_fault_is_recorded_as_failed(gated: Any, make_guest: Any, member_actor: Actor) -> None:
    def break_it(actor: Actor, guest: Guest) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        gated(break_it)(member_actor, make_guest())
    assert (last().outcome, last().message) == ("failed", "A bug or a fault: ZeroDivisionError.")


def test_a_stranger_who_tries_ids_is_recorded_where_only_system_roles_see_it(
    stranger: User, owner: User, auditor: User, make_guest: Any, api_for: Api
) -> None:
    guest = make_guest()
    assert api_for(stranger).post(f"/api/v1/guests/{guest.pk}/start/").status_code == 404
    assert (last().operation, last().outcome, last().target_id, last().target_name) == ("guest.start", "refused", str(guest.pk), "")
    assert not reading.entries(actor_for(owner)).exists()
    assert reading.entries(actor_for(auditor)).count() == 1
    assert "web-1" not in json.dumps(reading.audit_payload(actor_for(stranger), last()), default=str)


def test_a_dry_run_records_nothing(viewer: User, member: User, make_guest: Any, api_for: Api) -> None:
    path = f"/api/v1/guests/{make_guest().pk}/?dry_run=true"
    api_for(viewer).patch(path, {"description": "x"})
    api_for(member).patch(path, {"description": "x"})
    assert not AuditEntry.objects.exists()


def test_what_a_service_notes_is_kept_with_secrets_hidden(gated: Any, make_guest: Any, member_actor: Actor) -> None:
    def change(actor: Actor, guest: Guest) -> None:
        gate.note("Said so.", why="because", changes={"role": ["viewer", "owner"], "root_password": ["a", "b"]})

    gated(change)(member_actor, make_guest())
    assert last().message == "Said so."
    assert last().details == {"why": "because", "changes": {"role": ["viewer", "owner"], "root_password": "changed"}}


@pytest.mark.parametrize("name", ["password", "ssh_private_key", "secret", "token_key", "user_data", "webhook_secret", "recovery_codes"])
def test_secrets_are_named_and_not_shown(name: str) -> None:
    assert diff.redacted({name: ["a", "b"]}) == {name: "changed"}


def test_what_the_watcher_writes_is_no_change(make_guest: Any) -> None:
    guest = make_guest()
    before = diff.values_of(guest)
    guest.cpu_percent, guest.version, guest.state, guest.name = 5.0, 9, "running", "new"
    assert diff.between(before, guest) == {"name": ["web-1", "new"]}


# -- the administration -------------------------------------------------------------------------------------------------------------
def inline(prefix: str, rows: list[dict[str, Any]], initial: int = 0) -> dict[str, Any]:
    counts = {f"{prefix}-TOTAL_FORMS": len(rows), f"{prefix}-INITIAL_FORMS": initial}
    return {**counts, **{f"{prefix}-{number}-{name}": value for number, row in enumerate(rows) for name, value in row.items()}}


def test_a_save_in_the_administration_has_its_diff_and_that_of_its_inlines(
    admin: User, owner: User, member: User, tenant: Tenant, client_for: Any
) -> None:
    rows_there = [
        {"id": row.pk, "tenant": tenant.pk, "user": row.user_id, "role": "viewer" if row.user_id == member.pk else row.role}
        for row in Membership.objects.order_by("pk")
    ]
    client: Client = client_for(admin)
    page = client.get(f"/admin/tenants/tenant/{tenant.pk}/change/")
    data = {"name": "acme", "description": "new", "is_active": "on"}
    for formset in page.context["inline_admin_formsets"]:
        prefix = formset.formset.prefix
        rows = rows_there if prefix == "memberships" else []
        data |= inline(prefix, rows, len(rows))
    answer = client.post(f"/admin/tenants/tenant/{tenant.pk}/change/", data)
    assert answer.status_code == 302, answer.context["errors"]
    entry = AuditEntry.objects.get(operation="admin.change")
    assert entry.details["changes"]["description"] == ["", "new"]
    assert ["member", "viewer"] in entry.details["changes"].values()
    assert (entry.target_name, entry.tenant_id, entry.actor_label) == ("acme", tenant.pk, "ada")


def test_a_password_set_in_the_administration_is_named_only(admin: User, viewer: User, client_for: Any) -> None:
    secret = "a long new password 77"
    answer = client_for(admin).post(f"/admin/tenants/user/{viewer.pk}/password/", {"password1": secret, "password2": secret})
    assert answer.status_code == 302, answer.content[:2000]
    entry = AuditEntry.objects.get(operation="admin.change")
    assert entry.details == {"changes": {"password": "changed"}}
    assert secret not in str(list(AuditEntry.objects.values()))


def test_quota_in_the_trail(admin: User, tenant: Tenant, api_for: Api) -> None:
    Quota.objects.create(tenant=tenant, guests=1)
    api_for(admin).put(f"/api/v1/tenants/{tenant.pk}/quota/", {"guests": 5})
    assert last().operation == "tenant.set_quota"
