"""The page, REST and exports of the trail: who sees what of it, the filters, and that a large one costs no memory."""

from __future__ import annotations

import csv
import io
import json
import resource
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone
from rest_framework.test import APIClient

from guests.models import Guest
from tenants import audit
from tenants.actor import Actor, actor_for, system_actor
from tenants.audit import reading
from tenants.audit.lines import COLUMNS, cell, export
from tenants.audit.reading import AuditFilter
from tenants.models import AuditEntry, Tenant, User

pytestmark = pytest.mark.django_db
Api = Callable[..., APIClient]
AUDIT = "/api/v1/audit/"


@pytest.fixture
def trail(member: User, owner: User, admin: User, stranger: User, tenant: Tenant, other_tenant: Tenant, make_guest: Any) -> Guest:
    """Five entries in acme, of three people; one elsewhere; one of the house."""
    guest = make_guest()
    mia, owen, ada, sam = (
        actor_for(user, address=f"192.0.2.{n}", request_id=f"request-{n}") for n, user in enumerate((member, owner, admin, stranger))
    )
    audit.record(mia, "guest.start", "done", target=guest)
    audit.record(mia, "guest.change", "done", target=guest, details={"changes": {"name": ["web-0", "web-1"], "host": ["h1", "h2"]}})
    audit.record(owen, "guest.delete", "refused", target=guest, message="It is protected.")
    audit.record(ada, "tenant.set_quota", "done", target=tenant)
    audit.record(ada, "console.connect", "failed", target=guest)
    audit.record(sam, "tenant.change", "done", target=other_tenant)
    audit.record(ada, "host.create", "done")
    return guest


def operations(who: Actor, **wanted: Any) -> list[str]:
    return [entry.operation for entry in reading.entries(who, AuditFilter(**wanted))]


def test_who_sees_which_entries(
    trail: Guest, viewer: User, member: User, owner: User, stranger: User, auditor: User, operator: User
) -> None:
    acme = ["console.connect", "tenant.set_quota", "guest.delete", "guest.change", "guest.start"]
    for user in (viewer, member, owner):
        assert operations(actor_for(user)) == acme
    assert operations(actor_for(stranger)) == ["tenant.change"]
    for user in (auditor, operator):
        assert operations(actor_for(user)) == ["host.create", "tenant.change", *acme]


@pytest.mark.parametrize(
    ("who", "sees"), [("viewer", set()), ("member", {"192.0.2.0"}), ("owner", {"192.0.2.0", "192.0.2.1", "192.0.2.2"})]
)
def test_addresses_of_others_are_for_owners(trail: Guest, who: str, sees: set[str], request: Any, api_for: Api) -> None:
    lines = api_for(request.getfixturevalue(who)).get(AUDIT).json()["results"]
    assert {line["address"] for line in lines} - {""} == sees


def test_tenants_do_not_read_hosts_in_diffs(trail: Guest, owner: User, auditor: User) -> None:
    entry = AuditEntry.objects.get(operation="guest.change")
    assert reading.audit_payload(actor_for(owner), entry)["details"] == {"changes": {"name": ["web-0", "web-1"]}}
    assert "host" in reading.audit_payload(actor_for(auditor), entry)["details"]["changes"]


def test_the_filters(trail: Guest, auditor: User, member: User, tenant: Tenant) -> None:
    actor = actor_for(auditor)
    assert operations(actor, outcome="refused") == ["guest.delete"]
    assert operations(actor, operation="guest.change") == ["guest.change"]
    assert operations(actor, operation="guest.") == ["guest.delete", "guest.change", "guest.start"]
    assert operations(actor, actor=str(member.pk)) == operations(actor, actor="mia") == ["guest.change", "guest.start"]
    assert len(operations(actor, tenant=str(tenant.pk))) == 5
    assert len(operations(actor, target=str(trail.pk))) == 4
    assert operations(actor, search="protected") == ["guest.delete"]
    assert operations(actor, search="WEB owen") == ["guest.delete"]
    assert operations(actor, search="request-1") == ["guest.delete"]
    assert len(operations(actor, search=str(trail.pk))) == 4
    assert operations(actor, tenant="nonsense") == operations(actor, job="nonsense") == []
    now = timezone.now()
    assert operations(actor, since=now) == []
    assert len(operations(actor, since=now - timedelta(hours=1), until=now)) == 7


def test_a_member_cannot_find_addresses_by_searching(trail: Guest, viewer: User) -> None:
    assert operations(actor_for(viewer), search="192.0.2.1") == []


def test_rest_takes_the_same_filters_and_refuses_unknown_ones(trail: Guest, auditor: User, api_for: Api) -> None:
    api = api_for(auditor)
    assert [line["operation"] for line in api.get(f"{AUDIT}?operation=guest.&outcome=done").json()["results"]] == [
        "guest.change",
        "guest.start",
    ]
    since = (timezone.now() + timedelta(hours=1)).isoformat().replace("+00:00", "Z")
    assert api.get(AUDIT, {"since": since}).json()["results"] == []
    assert api.get(f"{AUDIT}?colour=red").status_code == 400
    assert api.get(f"{AUDIT}?since=yesterday").status_code == 400


def test_pages_of_rest_meet_every_entry_once(auditor: User, api_for: Api) -> None:
    for number in range(25):
        audit.record(system_actor("test"), f"x.{number}", "done")
    api, seen, url = api_for(auditor), [], f"{AUDIT}?page_size=10"
    while url:
        page = api.get(url).json()
        seen += [line["operation"] for line in page["results"]]
        url = page["next"]
    assert seen == [f"x.{number}" for number in reversed(range(25))]


def test_one_entry_tells_its_place_in_the_chain_to_system_roles(
    trail: Guest, auditor: User, owner: User, stranger: User, api_for: Api
) -> None:
    entry = AuditEntry.objects.get(operation="guest.change")
    path = f"{AUDIT}{entry.pk}/"
    if connection.vendor == "sqlite":  # PostgreSQL links at commit, and this test never commits
        assert len(api_for(auditor).get(path).json()["hash"]) == 64
    assert "hash" not in api_for(owner).get(path).json()
    assert api_for(stranger).get(path).status_code == 404
    assert api_for(auditor).get(f"{AUDIT}{2**70}/").status_code == 404


# -- exports ------------------------------------------------------------------------------------------------------------------------
def body(answer: Any) -> str:
    return b"".join(answer.streaming_content).decode()


def test_csv_and_json_lines_say_the_same(trail: Guest, owner: User, api_for: Api) -> None:
    api = api_for(owner)
    answer = api.get(f"{AUDIT}export/?operation=guest.", HTTP_ACCEPT="text/csv")
    assert answer["Content-Type"] == "text/csv; charset=utf-8"
    assert 'filename="audit-' in answer["Content-Disposition"]
    rows = list(csv.DictReader(io.StringIO(body(answer))))
    lines = [json.loads(line) for line in body(api.get(f"{AUDIT}export/?operation=guest.&kind=jsonl")).splitlines()]
    assert [row["operation"] for row in rows] == [line["operation"] for line in lines] == ["guest.delete", "guest.change", "guest.start"]
    assert [row["actor"] for row in rows] == [line["actor"]["label"] for line in lines]
    assert "hash" not in lines[0]
    assert "h2" not in str(rows) + str(lines), "hosts are not for tenants"


def test_an_export_is_recorded(trail: Guest, auditor: User, api_for: Api, client_for: Any) -> None:
    body(api_for(auditor).get(f"{AUDIT}export/?outcome=refused&kind=jsonl"))
    entry = AuditEntry.objects.get(operation="audit.export")
    assert entry.details["kind"] == "jsonl"
    assert entry.details["filter"] == {"outcome": "refused"}
    body(client_for(auditor).get("/audit/export/?kind=csv&period=7d"))
    assert AuditEntry.objects.filter(operation="audit.export").count() == 2
    assert client_for(auditor).get("/audit/export/?kind=exe").status_code == 400


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@x", "\tx", "\r=1"])
def test_a_cell_is_no_formula(text: str, auditor: User) -> None:
    assert cell(text).startswith("'")
    audit.record(system_actor("x"), "x", "done", target=audit.Target("guest", "1", text))
    line = b"".join(export(actor_for(auditor), reading.in_batches(reading.entries(actor_for(auditor))), "csv")).decode().splitlines()[1]
    assert next(csv.reader([line]))[COLUMNS.index("target_name")].startswith("'")


def test_one_entry_is_one_line_of_four_kib_whatever_it_says(auditor: User) -> None:
    wild = 'a\nb\r\nc\u2028d\x1b[31m"quoted", \U0001f600' * 200
    audit.record(
        system_actor(wild), "x", "refused", target=audit.Target("guest", "1", wild), message=wild, details={"changes": {"a": [wild] * 2}}
    )
    actor = actor_for(auditor)
    written = b"".join(export(actor, reading.in_batches(reading.entries(actor)), "csv"))
    assert written.count(b"\n") == 2
    assert max(len(line) for line in written.splitlines()) <= 4096
    assert len(next(csv.reader([written.decode().split("\n")[1]]))) == len(COLUMNS)
    assert b"".join(export(actor, reading.in_batches(reading.entries(actor)), "jsonl")).count(b"\n") == 1


def fill(count: int) -> None:
    """Rows straight into the table; nobody verifies them here."""
    numbers = {
        "sqlite": f"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {count}) SELECT i FROM n",
        "postgresql": f"SELECT generate_series(1, {count}) AS i",
    }[connection.vendor]
    columns = "at, operation, outcome, actor_label, target_type, target_id, target_name, address, request_id, message, details, digest"
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("ALTER TABLE tenants_auditentry DISABLE TRIGGER tenants_auditentry_queue")
        values = "'guest.start', 'done', 'mia', 'guest', 'x', 'web-1', '192.0.2.1', 'r', 'A sentence of usual length.', '{\"a\": 1}', ''"
        # A second apart, as Django writes times.
        at = "now() - i * interval '1 second'" if connection.vendor == "postgresql" else "datetime('now', '-' || i || ' seconds')"
        cursor.execute(f"INSERT INTO tenants_auditentry ({columns}) SELECT {at}, {values} FROM ({numbers}) AS numbers")
        if connection.vendor == "postgresql":
            cursor.execute("ALTER TABLE tenants_auditentry ENABLE TRIGGER tenants_auditentry_queue")


@pytest.mark.parametrize("kind", ["csv", "jsonl"])
def test_a_hundred_thousand_entries_take_no_more_memory_than_a_few(kind: str, auditor: User) -> None:
    fill(100_000)
    actor = actor_for(auditor)
    rows = reading.in_batches(reading.entries(actor))
    lines, seen = 0, []
    for chunk in export(actor, rows, kind):
        lines += chunk.count(b"\n")
        seen.append((lines, resident_mib()))
    assert lines == 100_000 + (kind == "csv")
    early, late = max(mib for line, mib in seen if line < 5_000), max(mib for _, mib in seen)
    assert late - early < 8, f"{early:.0f} MiB after some thousand lines, {late:.0f} MiB at most"


def resident_mib() -> float:
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize() / 2**20


# -- pages --------------------------------------------------------------------------------------------------------------------------
def test_the_page_shows_filters_and_links_to_entries(trail: Guest, owner: User, client_for: Any) -> None:
    client: Client = client_for(owner)
    entry = AuditEntry.objects.get(operation="guest.delete")
    page = client.get("/audit/?outcome=refused").content.decode()
    assert f'href="/audit/{entry.pk}/"' in page
    assert "It is protected." in page
    assert "Console opened" not in page
    narrowed = client.get(f"/audit/?target={trail.pk}&actor=mia", HTTP_HX_REQUEST="true").content.decode()
    assert "By mia" in narrowed
    assert "<html" not in narrowed


def test_an_entrys_page_shows_the_diff_and_what_belongs_to_it(trail: Guest, owner: User, stranger: User, client_for: Any) -> None:
    entry = AuditEntry.objects.get(operation="guest.change")
    page = client_for(owner).get(f"/audit/{entry.pk}/").content.decode()
    assert "web-0" in page
    assert "Start guest" in page, "the same request"
    assert "h2</td>" not in page
    assert client_for(stranger).get(f"/audit/{entry.pk}/").status_code == 404


@pytest.mark.parametrize("query", ["since=2026-13-45", "since=x", "page=broken", "until=99999999999"])
def test_a_broken_filter_is_said(query: str, auditor: User, client_for: Any) -> None:
    assert client_for(auditor).get(f"/audit/?{query}").status_code == 400


def test_the_state_of_the_chain_is_for_system_roles_and_of_forwarding_for_admins(
    trail: Guest, admin: User, auditor: User, owner: User, client_for: Any, settings: Any
) -> None:
    settings.AUDIT_WEBHOOK = "https://user:pass@log.example.org/x?key=1"
    assert "Last anchor" not in client_for(owner).get("/audit/").content.decode()
    page = client_for(auditor).get("/audit/").content.decode()
    assert "Last anchor" in page
    assert "log.example.org" not in page
    page = client_for(admin).get("/audit/").content.decode()
    assert "log.example.org/x" in page
    assert "pass" not in page.split("log.example.org")[0][-200:]
