"""What every change shares: idempotency keys, If-Match, dry runs, one transaction; and 202 with a job."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from guests.models import Guest
from hosts.models import Host, UnmanagedGuest
from jobs.models import Job
from networks.models import Network
from storage.models import Image, Pool
from tenants.models import AuditEntry, IdempotencyRecord, Quota, Tenant, User

pytestmark = pytest.mark.django_db
Api = Callable[..., APIClient]
MakeGuest = Callable[..., Guest]


@pytest.fixture
def ready(host: Host, pool: Pool, network: Network, image: Image) -> Image:
    """Everything that making a guest needs."""
    return image


def body_for(image: Image, **fields: Any) -> dict[str, Any]:
    return {"name": "web-1", "source": {"image": str(image.pk)}, "vcpus": 1, "memory_mib": 128, **fields}


# -- making guests ----------------------------------------------------------------------------------------------------------------


def test_a_member_creates_a_guest(member: User, tenant: Tenant, ready: Image, api_for: Api) -> None:
    answer = api_for(member).post(
        "/api/v1/guests/", body_for(ready, tags=["a"], nics=None) | {"nics": [{"network": str(Network.objects.get().pk)}]}
    )
    assert answer.status_code == 202, answer.content
    guest, job = answer.json()["guests"][0], answer.json()["job"]
    assert (guest["name"], guest["state"], guest["tenant"]["id"]) == ("web-1", "creating", str(tenant.pk))
    assert guest["active_job"]["id"] == job["id"]
    assert job["kind"] == "guest.create"
    assert api_for(member).get(f"/api/v1/jobs/{job['id']}/").json()["target"]["id"] == guest["id"]


def test_several_guests_have_one_job_over_them(member: User, ready: Image, api_for: Api) -> None:
    answer = api_for(member).post("/api/v1/guests/", body_for(ready, count=3))
    assert answer.status_code == 202, answer.content
    assert len(answer.json()["guests"]) == 3
    assert Job.objects.filter(parent_id=answer.json()["job"]["id"]).count() == 3


def test_an_admin_without_tenants_makes_it_in_the_default_tenant(admin: User, tenant: Tenant, ready: Image, api_for: Api) -> None:
    Tenant.objects.create(name="default")
    assert api_for(admin).post("/api/v1/guests/", body_for(ready)).json()["guests"][0]["tenant"]["name"] == "default"
    assert api_for(admin).post("/api/v1/guests/", body_for(ready, tenant=str(tenant.pk))).json()["guests"][0]["tenant"]["name"] == "acme"


def test_whoever_has_two_tenants_must_say_which(member: User, ready: Image, other_tenant: Tenant, api_for: Api) -> None:
    other_tenant.memberships.create(user=member, role="member")
    answer = api_for(member).post("/api/v1/guests/", body_for(ready))
    assert answer.status_code == 400
    assert "tenant" in answer.json()["error"]["details"]["fields"]


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"colour": "red"}, "colour"),
        ({"flavor": "small"}, "flavor"),
        ({"firmware": "uefi"}, "firmware"),
        ({"tpm": True}, "tpm"),
        ({"extra_disks": []}, "extra_disks"),
        ({"source": {"blank": True}}, "source.blank"),
        ({"source": {}}, "source.image"),
        ({"source": None}, "source"),
        ({"nics": []}, "nics"),
        ({"nics": [{"network": "default"}]}, "nics.0.network"),
        ({"nics": [{"mac": "52:54:00:00:00:01"}]}, "nics.0.mac"),
        ({"name": "Web 1"}, "name"),
        ({"name": None}, "name"),
        ({"vcpus": 0}, "vcpus"),
        ({"vcpus": "2"}, "vcpus"),
        ({"memory_mib": 1}, "memory_mib"),
        ({"memory_mib": 10**12}, "memory_mib"),
        ({"disk_gib": -1}, "disk_gib"),
        ({"disk_gib": 10**7}, "disk_gib"),
        ({"count": 0}, "count"),
        ({"count": 1000}, "count"),
        ({"tags": [f"t{n}" for n in range(21)]}, "tags"),
        ({"tags": "a"}, "tags"),
        ({"expires_at": "yesterday"}, "expires_at"),
        ({"expires_at": "2001-01-01T00:00:00Z"}, "expires_at"),
        ({"start": "yes"}, "start"),
        ({"cloud_init": {"user": "root"}}, "cloud_init.user"),
        ({"cloud_init": {"user_data": "x" * 70000}}, "cloud_init.user_data"),
        ({"cloud_init": {"runcmd": ["x"]}}, "cloud_init.runcmd"),
        ({"uuid": str(uuid4())}, "uuid"),
    ],
)
def test_what_cannot_be_made_is_400_and_named(member: User, ready: Image, api_for: Api, fields: dict[str, Any], named: str) -> None:
    answer = api_for(member).post("/api/v1/guests/", body_for(ready) | fields)
    assert answer.status_code == 400, answer.content
    assert named in answer.json()["error"]["details"]["fields"]
    assert not Guest.objects.exists()
    assert not Job.objects.exists()


def test_every_wrong_field_is_named_in_one_answer(member: User, ready: Image, api_for: Api) -> None:
    wrong = {
        "name": "NO",
        "vcpus": 0,
        "memory_mib": 1,
        "count": 1000,
        "tags": ["Not a tag"],
        "firmware": "uefi",
        "expires_at": "2001-01-01T00:00:00Z",
        "colour": "red",
    }
    answer = api_for(member).post("/api/v1/guests/", body_for(ready, **wrong))
    assert answer.status_code == 400, answer.content
    fields = answer.json()["error"]["details"]["fields"]
    assert set(fields) == set(wrong)
    assert fields["vcpus"] == ["Send a whole number from 1 to 256."]
    assert fields["firmware"] == ["Not supported yet. Choose bios."]


def test_later_fields_say_so(member: User, ready: Image, api_for: Api) -> None:
    fields = api_for(member).post("/api/v1/guests/", body_for(ready, tpm=True)).json()["error"]["details"]["fields"]
    assert fields["tpm"][0].startswith("Not supported yet.")


@pytest.mark.parametrize("field", ["tenant", "source.image", "nics.0.network", "host"])
def test_foreign_rows_in_the_body_are_404_as_missing_ones(
    stranger: User, tenant: Tenant, host: Host, image: Image, network: Network, ready: Image, api_for: Api, field: str
) -> None:
    Image.objects.update(tenant=tenant)
    Network.objects.update(tenant=tenant)
    shared = Image.objects.create(name="open", kind="disk", state="ready")

    def ask(pk: str) -> Any:
        body = body_for(shared)
        match field:
            case "source.image":
                body["source"] = {"image": pk}
            case "nics.0.network":
                body["nics"] = [{"network": pk}]
            case _:
                body[field] = pk
        answer = api_for(stranger).post("/api/v1/guests/", body)
        assert answer.status_code == 404, answer.content
        return {**answer.json()["error"], "reference": ""}

    foreign = {"tenant": tenant, "source.image": image, "nics.0.network": network, "host": host}[field]
    assert ask(str(foreign.pk)) == ask(str(uuid4()))
    assert field in ask(str(foreign.pk))["details"]["fields"]


def test_a_viewer_may_not_create(viewer: User, ready: Image, tenant: Tenant, api_for: Api) -> None:
    answer = api_for(viewer).post("/api/v1/guests/", body_for(ready, tenant=str(tenant.pk)))
    assert answer.status_code == 403, answer.content
    assert "member" in answer.json()["error"]["message"]
    assert api_for(viewer).post("/api/v1/guests/", body_for(ready)).status_code == 403


def test_no_answer_repeats_a_secret(member: User, ready: Image, api_for: Api) -> None:
    secret = "hunter2-hunter2"
    api = api_for(member)
    answer = api.post("/api/v1/guests/", body_for(ready, cloud_init={"user": "joe", "password": secret}), HTTP_IDEMPOTENCY_KEY="k1")
    assert answer.status_code == 202, answer.content
    pk, job = answer.json()["guests"][0]["id"], answer.json()["job"]["id"]
    for path in (f"guests/{pk}/", f"jobs/{job}/", f"guests/{pk}/timeline/", "audit/"):
        assert secret not in api.get(f"/api/v1/{path}").content.decode()
    assert secret not in str(list(IdempotencyRecord.objects.values()))


# -- power, console, bulk ---------------------------------------------------------------------------------------------------------


def test_a_power_action_answers_202_and_a_second_one_409(member: User, make_guest: MakeGuest, api_for: Api) -> None:
    guest = make_guest()
    api = api_for(member)
    answer = api.post(f"/api/v1/guests/{guest.pk}/start/")
    assert answer.status_code == 202, answer.content
    assert answer.json()["job"]["state"] == "queued"
    second = api.post(f"/api/v1/guests/{guest.pk}/start/")
    assert second.status_code == 409
    assert second.json()["error"]["code"] == "busy"
    assert second.json()["error"]["details"]["job"]["id"] == answer.json()["job"]["id"]


def test_a_power_action_in_the_wrong_state_is_409(member: User, make_guest: MakeGuest, api_for: Api) -> None:
    assert api_for(member).post(f"/api/v1/guests/{make_guest().pk}/shutdown/").status_code == 409


def test_a_verb_takes_no_other_body(member: User, make_guest: MakeGuest, api_for: Api) -> None:
    answer = api_for(member).post(f"/api/v1/guests/{make_guest().pk}/start/", {"force": True})
    assert answer.status_code == 400
    assert not Job.objects.exists()


def test_scopes_limit_a_token(member: User, operator: User, make_guest: MakeGuest, host: Host, api_for: Api) -> None:
    guest = make_guest()
    assert api_for(member, scope="read").post(f"/api/v1/guests/{guest.pk}/start/").status_code == 403
    assert api_for(operator, scope="operate").patch(f"/api/v1/hosts/{host.pk}/", {"description": "x"}).status_code == 403
    assert api_for(member, scope="operate").post(f"/api/v1/guests/{guest.pk}/start/").status_code == 202


def test_a_console_ticket(member: User, viewer: User, make_guest: MakeGuest, api_for: Api) -> None:
    guest = make_guest(state="running")
    path = f"/api/v1/guests/{guest.pk}/console/"
    answer = api_for(member).post(path, {"kind": "serial", "mode": "control"})
    assert answer.status_code == 201, answer.content
    assert set(answer.json()) == {"ticket", "ws_path", "page_url", "expires_at"}
    assert answer.json()["ticket"] not in answer.json()["ws_path"] + answer.json()["page_url"]
    assert api_for(viewer).post(path, {"mode": "control"}).status_code == 403
    assert api_for(viewer).post(path, {"mode": "view"}).status_code == 201
    assert api_for(member).post(path, {"kind": "spice"}).status_code == 400


def test_bulk_is_one_job_that_answers_for_each(member: User, make_guest: MakeGuest, other_tenant: Tenant, api_for: Api) -> None:
    off, on, foreign = make_guest("a"), make_guest("b", state="running"), make_guest("c", tenant=other_tenant)
    ids = [str(off.pk), str(on.pk), str(foreign.pk), str(uuid4())]
    answer = api_for(member).post("/api/v1/guests/bulk/", {"action": "start", "ids": ids})
    assert answer.status_code == 202, answer.content
    items = answer.json()["job"]["items"]
    assert [(item["target"]["id"], item["state"]) for item in items] == list(
        zip(ids, ["pending", "failed", "failed", "failed"], strict=True)
    )
    assert items[1]["message"] == "It is running already."
    assert items[2]["message"] == items[3]["message"]
    assert items[2]["target"]["name"] == ""
    assert Job.objects.get().kind == "guest.bulk"


def test_bulk_takes_ids_or_a_filter(member: User, make_guest: MakeGuest, api_for: Api) -> None:
    make_guest("web-1"), make_guest("web-2"), make_guest("db-1")
    for wrong in ({}, {"ids": [str(uuid4())], "filter": {}}):
        assert "ids" in api_for(member).post("/api/v1/guests/bulk/", {"action": "start", **wrong}).json()["error"]["details"]["fields"]
    answer = api_for(member).post("/api/v1/guests/bulk/", {"action": "start", "filter": {"search": "web"}})
    assert [item["target"]["name"] for item in answer.json()["job"]["items"]] == ["web-1", "web-2"]


def test_the_timeline_tells_jobs_and_refusals(member: User, viewer: User, make_guest: MakeGuest, api_for: Api) -> None:
    guest = make_guest()
    api_for(viewer).post(f"/api/v1/guests/{guest.pk}/start/")
    api_for(member).post(f"/api/v1/guests/{guest.pk}/start/")
    lines = api_for(viewer).get(f"/api/v1/guests/{guest.pk}/timeline/").json()["results"]
    assert {(line["state"], line["actor"]) for line in lines} == {("queued", "mia"), ("done", "mia"), ("refused", "vera")}


# -- changing and deleting --------------------------------------------------------------------------------------------------------


def test_what_is_only_ours_is_changed_at_once(member: User, make_guest: MakeGuest, api_for: Api) -> None:
    path = f"/api/v1/guests/{make_guest().pk}/"
    answer = api_for(member).patch(path, {"name": "web-9", "tags": ["a", "b"], "is_protected": True, "expires_at": "2090-01-01T00:00:00Z"})
    assert answer.status_code == 200, answer.content
    shown = answer.json()
    assert (shown["name"], shown["tags"], shown["is_protected"], shown["expires_at"]) == ("web-9", ["a", "b"], True, "2090-01-01T00:00:00Z")
    assert not Job.objects.exists()
    assert api_for(member).delete(path).status_code == 409


def test_a_new_size_is_a_job(member: User, make_guest: MakeGuest, api_for: Api) -> None:
    off, on = make_guest("a"), make_guest("b", state="running")
    answer = api_for(member).patch(f"/api/v1/guests/{off.pk}/", {"vcpus": 2, "memory_mib": 1024})
    assert answer.status_code == 202, answer.content
    assert (answer.json()["guest"]["vcpus"], answer.json()["job"]["kind"]) == (2, "guest.change")
    assert api_for(member).patch(f"/api/v1/guests/{on.pk}/", {"vcpus": 2}).status_code == 409


def test_what_cannot_be_changed_is_400(member: User, make_guest: MakeGuest, api_for: Api) -> None:
    path = f"/api/v1/guests/{make_guest().pk}/"
    for body in ({"state": "running"}, {"tenant": str(uuid4())}, {"uuid": str(uuid4())}, {"name": "../x"}, {"vcpus": 0}, {"tags": [1]}):
        assert api_for(member).patch(path, body).status_code == 400, body


def test_a_guest_is_deleted_with_its_name_as_a_second_look(member: User, make_guest: MakeGuest, api_for: Api) -> None:
    path = f"/api/v1/guests/{make_guest().pk}/"
    wrong = api_for(member).delete(path, {"confirm_name": "web-2"})
    assert (wrong.status_code, list(wrong.json()["error"]["details"]["fields"])) == (400, ["confirm_name"])
    dry = api_for(member).delete(f"{path}?dry_run=true", {"confirm_name": "web-1"})
    assert dry.json()["plan"] == [{"when": "now", "text": "Delete guest web-1"}]
    assert api_for(member).delete(path, {"confirm_name": "web-1", "delete_disks": True}).status_code == 202
    assert Job.objects.get().kind == "guest.delete"


def test_a_stale_change_of_a_guest_is_412(member: User, make_guest: MakeGuest, api_for: Api) -> None:
    guest = make_guest()
    path = f"/api/v1/guests/{guest.pk}/"
    assert api_for(member).patch(path, {"description": "a"}, HTTP_IF_MATCH=f'"{guest.version}"').status_code == 200
    assert api_for(member).patch(path, {"description": "b"}, HTTP_IF_MATCH=f'"{guest.version}"').status_code == 412
    assert api_for(member).delete(path, HTTP_IF_MATCH=f'"{guest.version}"').status_code == 412
    assert api_for(member).post(f"{path}start/", HTTP_IF_MATCH=f'"{guest.version}"').status_code == 412


# -- hosts ------------------------------------------------------------------------------------------------------------------------


def test_an_operator_adds_changes_and_removes_a_host(operator: User, owner: User, api_for: Api) -> None:
    api = api_for(operator)
    made = api.post("/api/v1/hosts/", {"name": "h9", "kind": "unix", "socket_path": "/run/x/libvirt-sock"})
    assert made.status_code == 201, made.content
    path = f"/api/v1/hosts/{made.json()['id']}/"
    assert api.patch(path, {"is_enabled": False, "description": "rack 4"}).json()["state"] == "disabled"
    assert api.post(f"{path}preflight/").status_code == 202
    Job.objects.all().delete()
    assert api.delete(path).status_code == 204
    assert api.get(path).status_code == 404
    assert api_for(owner).post("/api/v1/hosts/", {"name": "h8", "kind": "local"}).status_code == 403


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ({"name": "x", "kind": "ssh", "address": "10.0.0.1"}, "kind"),
        ({"name": "x", "kind": "unix", "socket_path": "/etc/../x"}, "socket_path"),
        ({"name": "x", "kind": "unix", "socket_path": "qemu:///system?command=id"}, "socket_path"),
        ({"name": "x", "kind": "unix"}, "socket_path"),
        ({"name": "x", "kind": "local", "uri": "qemu:///system"}, "uri"),
        ({"name": "x", "kind": "local", "cpu_overcommit": 0}, "cpu_overcommit"),
        ({"kind": "local"}, "name"),
    ],
)
def test_a_host_that_cannot_be_is_400(operator: User, api_for: Api, body: dict[str, Any], named: str) -> None:
    answer = api_for(operator).post("/api/v1/hosts/", body)
    assert answer.status_code == 400, answer.content
    assert named in answer.json()["error"]["details"]["fields"]


def test_an_unmanaged_guest_is_listed_and_adopted(operator: User, tenant: Tenant, host: Host, api_for: Api) -> None:
    found = UnmanagedGuest.objects.create(host=host, uuid=uuid4(), name="Old Box", state="running", vcpus=2, memory_mib=64)
    api, path = api_for(operator), f"/api/v1/hosts/{host.pk}/"
    assert api.get(f"{path}unmanaged/").json()["results"][0]["domain_uuid"] == str(found.uuid)
    assert api.post(f"{path}adopt/", {"domain_uuid": str(uuid4()), "tenant": str(tenant.pk)}).status_code == 404
    answer = api.post(f"{path}adopt/", {"domain_uuid": str(found.uuid), "tenant": str(tenant.pk)})
    assert answer.status_code == 202, answer.content
    assert answer.json()["guest"]["tenant"]["id"] == str(tenant.pk)
    assert api.get(f"{path}unmanaged/").json()["results"] == []


# -- Idempotency-Key --------------------------------------------------------------------------------------------------------------


def test_the_same_key_and_body_have_one_effect_and_one_answer(member: User, ready: Image, api_for: Api) -> None:
    api = api_for(member)
    first = api.post("/api/v1/guests/", body_for(ready), HTTP_IDEMPOTENCY_KEY="k1")
    again = api.post("/api/v1/guests/", body_for(ready), HTTP_IDEMPOTENCY_KEY="k1")
    assert (first.status_code, first.json()) == (again.status_code, again.json())
    assert again["Idempotent-Replayed"] == "true"
    assert Guest.objects.count() == 1


def test_the_same_key_with_another_body_or_path_is_409(member: User, ready: Image, api_for: Api) -> None:
    api = api_for(member)
    api.post("/api/v1/guests/", body_for(ready), HTTP_IDEMPOTENCY_KEY="k1")
    other = api.post("/api/v1/guests/", body_for(ready, name="web-2"), HTTP_IDEMPOTENCY_KEY="k1")
    assert (other.status_code, other.json()["error"]["code"]) == (409, "idempotency_key_reused")
    assert api.post(f"/api/v1/guests/{Guest.objects.get().pk}/start/", HTTP_IDEMPOTENCY_KEY="k1").status_code == 409
    assert Guest.objects.count() == 1


def test_keys_are_ones_own(member: User, owner: User, ready: Image, api_for: Api) -> None:
    api_for(member).post("/api/v1/guests/", body_for(ready), HTTP_IDEMPOTENCY_KEY="k1")
    assert api_for(owner).post("/api/v1/guests/", body_for(ready, name="web-2"), HTTP_IDEMPOTENCY_KEY="k1").status_code == 202


def test_a_refused_request_may_be_tried_again_with_its_key(member: User, tenant: Tenant, ready: Image, api_for: Api) -> None:
    quota = Quota.objects.create(tenant=tenant, guests=0)
    api = api_for(member)
    refused = api.post("/api/v1/guests/", body_for(ready), HTTP_IDEMPOTENCY_KEY="k1")
    assert (refused.status_code, refused.json()["error"]["code"]) == (409, "quota_exceeded")
    quota.delete()
    assert api.post("/api/v1/guests/", body_for(ready), HTTP_IDEMPOTENCY_KEY="k1").status_code == 202


def test_a_key_is_forgotten_after_a_day(member: User, ready: Image, api_for: Api) -> None:
    api = api_for(member)
    api.post("/api/v1/guests/", body_for(ready), HTTP_IDEMPOTENCY_KEY="k1")
    IdempotencyRecord.objects.update(created_at=timezone.now() - timedelta(hours=25))
    assert api.post("/api/v1/guests/", body_for(ready, name="web-2"), HTTP_IDEMPOTENCY_KEY="k1").status_code == 202


def test_a_token_kept_for_its_key_is_not_readable_in_the_database(member: User, api_for: Api) -> None:
    made = api_for(member).post("/api/v1/tokens/", {"name": "x"}, HTTP_IDEMPOTENCY_KEY="k1")
    assert made.json()["token"] not in str(IdempotencyRecord.objects.get().answer)
    assert api_for(member).post("/api/v1/tokens/", {"name": "x"}, HTTP_IDEMPOTENCY_KEY="k1").json() == made.json()


@pytest.mark.parametrize("key", ["", "x" * 201, "a\tb"])
def test_a_bad_key_is_400(member: User, api_for: Api, key: str) -> None:
    assert api_for(member).post("/api/v1/tokens/", {"name": "x"}, HTTP_IDEMPOTENCY_KEY=key).status_code == 400


# -- If-Match ---------------------------------------------------------------------------------------------------------------------


def test_a_stale_version_is_412_with_the_current_row(operator: User, host: Host, api_for: Api) -> None:
    api, path = api_for(operator), f"/api/v1/hosts/{host.pk}/"
    version = api.get(path).json()["version"]
    assert api.patch(path, {"description": "a"}, HTTP_IF_MATCH=f'"{version}"').status_code == 200
    stale = api.patch(path, {"description": "b"}, HTTP_IF_MATCH=str(version))
    assert (stale.status_code, stale.json()["error"]["code"]) == (412, "stale")
    assert stale.json()["error"]["details"]["current"]["description"] == "a"
    assert Host.objects.get().description == "a"
    assert api.patch(path, {"description": "c"}, HTTP_IF_MATCH="*").status_code == 200
    assert api.patch(path, {"description": "d"}, HTTP_IF_MATCH="soon").status_code == 400


# -- dry runs ---------------------------------------------------------------------------------------------------------------------


def test_a_dry_run_of_create_tells_the_quota_effect_and_makes_nothing(member: User, tenant: Tenant, ready: Image, api_for: Api) -> None:
    Quota.objects.create(tenant=tenant, guests=2)
    plan = api_for(member).post("/api/v1/guests/?dry_run=true", body_for(ready, disk_gib=3)).json()
    assert plan["is_possible"] is True
    assert plan["plan"] == [{"when": "now", "text": "Create guest web-1"}]
    assert plan["quota"]["guests"] == {"limit": 2, "used": 0, "after": 1}
    assert plan["quota"]["disk_gib"] == {"limit": None, "used": 0, "after": 3}
    assert not Guest.objects.exists()
    assert not Job.objects.exists()
    assert not AuditEntry.objects.exists()


def test_a_dry_run_tells_why_it_would_be_refused(member: User, tenant: Tenant, ready: Image, api_for: Api) -> None:
    Quota.objects.create(tenant=tenant, guests=0)
    answer = api_for(member).post("/api/v1/guests/?dry_run=true", body_for(ready))
    assert answer.status_code == 200
    assert answer.json()["is_possible"] is False
    assert answer.json()["refusals"][0]["code"] == "quota_exceeded"


def test_a_dry_run_of_a_power_action_and_of_a_change(operator: User, make_guest: MakeGuest, host: Host, api_for: Api) -> None:
    guest = make_guest()
    api = api_for(operator)
    assert api.post(f"/api/v1/guests/{guest.pk}/start/?dry_run=true").json()["plan"] == [{"when": "now", "text": "Start guest web-1"}]
    assert api.post(f"/api/v1/guests/{guest.pk}/reset/?dry_run=true").json()["is_possible"] is False
    change = api.patch(f"/api/v1/hosts/{host.pk}/?dry_run=true", {"memory_reserved_mib": 1024}).json()
    assert {"when": "now", "text": "memory_reserved_mib: 512 becomes 1024"} in change["plan"]
    assert not Job.objects.exists()
    assert Host.objects.get().memory_reserved_mib == 512


def test_a_dry_run_keeps_the_refusals_of_the_gate(viewer: User, make_guest: MakeGuest, api_for: Api) -> None:
    assert api_for(viewer).post(f"/api/v1/guests/{make_guest().pk}/start/?dry_run=true").status_code == 403
    assert api_for(viewer).post(f"/api/v1/guests/{uuid4()}/start/?dry_run=true").status_code == 404
    assert api_for(viewer).post(f"/api/v1/guests/{uuid4()}/start/?dry_run=perhaps").status_code == 400
