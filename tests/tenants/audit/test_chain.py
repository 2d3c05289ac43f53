"""The chain: what is appended holds, what is tampered with is named, and neither code nor SQL changes it by mistake."""

from __future__ import annotations

import json
from io import StringIO
from pathlib import Path
from threading import Barrier, Thread
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connection, transaction

from tenants import audit
from tenants.audit import anchors, canonical, chain
from tenants.audit.verify import Anchor, verify
from tenants.models import AuditEntry, AuditLink
from tenants.models.audit import AppendOnly

pytestmark = pytest.mark.django_db(transaction=True)
ENTRIES, LINKS = "tenants_auditentry", "tenants_auditlink"


def link_of(entry: AuditEntry) -> AuditLink:
    return AuditLink.objects.get(entry=entry)


def test_an_untouched_chain_holds_and_ends_where_its_last_link_says(write: Any) -> None:
    entries = write(5)
    verdict = verify()
    assert verdict.is_intact
    assert (verdict.count, verdict.head.seq, verdict.head.hash) == (5, 5, link_of(entries[-1]).hash)
    assert chain.head() == verdict.head


def test_each_link_names_the_one_before(write: Any) -> None:
    write(3)
    links = list(AuditLink.objects.order_by("seq"))
    assert [link.previous for link in links] == [canonical.FIRST, links[0].hash, links[1].hash]


@pytest.mark.parametrize(
    "change",
    [
        "actor_label = 'mallory'",
        "outcome = 'refused'",
        "message = 'nothing to see'",
        "at = '2020-01-01 00:00:00'",
        "details = '{}'",
        "address = '192.0.2.9'",
        "request_id = 'x'",
        "target_id = 'x'",
        "job_id = NULL",
        "operation = 'guest.start'",
        "digest = ''",
    ],
)
def test_a_changed_field_is_found(actor: Any, tamper: Any, change: str) -> None:
    job = "0d5a2b1e-0000-4000-8000-000000000001"
    rows = [audit.record(actor, "guest.change", "done", message="m", details={"changes": {"vcpus": [1, 2]}}, job_id=job) for _ in range(5)]
    tamper(f"UPDATE {ENTRIES} SET {change} WHERE id = {rows[2].pk}")
    broken = verify().broken
    assert broken is not None
    assert (broken.seq, broken.how) == (3, "changed")


def test_a_change_with_a_matching_digest_is_found(write: Any, tamper: Any) -> None:
    entry = write(5)[2]
    entry.actor_label = "mallory"
    tamper(f"UPDATE {ENTRIES} SET actor_label = 'mallory', digest = '{canonical.digest_of(entry)}' WHERE id = {entry.pk}")
    broken = verify().broken
    assert broken is not None
    assert (broken.seq, broken.how) == (3, "changed")


def test_a_removed_entry_is_found(write: Any, tamper: Any) -> None:
    entry = write(5)[2]
    tamper(f"DELETE FROM {ENTRIES} WHERE id = {entry.pk}")
    assert (verify().broken.seq, verify().broken.how) == (3, "removed")


def test_an_entry_removed_with_its_link_is_found(write: Any, tamper: Any) -> None:
    entry = write(5)[2]
    tamper(f"DELETE FROM {LINKS} WHERE seq = 3", f"DELETE FROM {ENTRIES} WHERE id = {entry.pk}")
    assert (verify().broken.seq, verify().broken.how) == (3, "removed")


def test_an_entry_removed_with_the_rest_moved_up_is_found(write: Any, tamper: Any) -> None:
    entry = write(5)[2]
    moves = [f"UPDATE {LINKS} SET seq = {seq - 1} WHERE seq = {seq}" for seq in (4, 5)]
    tamper(f"DELETE FROM {LINKS} WHERE seq = 3", f"DELETE FROM {ENTRIES} WHERE id = {entry.pk}", *moves)
    assert verify().broken.seq == 3


def test_the_removed_beginning_is_found(write: Any, tamper: Any) -> None:
    write(5)
    tamper(f"DELETE FROM {LINKS} WHERE seq < 3")
    assert (verify().broken.seq, verify().broken.how) == (1, "removed")


def test_swapped_links_are_found(write: Any, tamper: Any) -> None:
    write(5)
    tamper(*(f"UPDATE {LINKS} SET seq = {new} WHERE seq = {old}" for old, new in ((2, 99), (4, 2), (99, 4))))
    assert (verify().broken.seq, verify().broken.how) == (2, "reordered")


def test_swapped_contents_are_found(write: Any, tamper: Any) -> None:
    entries = write(5)
    first, second = entries[1], entries[3]
    columns = ("at", "operation", "digest")
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT id, {', '.join(columns)} FROM {ENTRIES} WHERE id IN ({first.pk}, {second.pk}) ORDER BY id")
        rows = cursor.fetchall()
    sets = [", ".join(f"{name} = '{value}'" for name, value in zip(columns, row[1:], strict=True)) for row in rows]
    tamper(f"UPDATE {ENTRIES} SET {sets[1]} WHERE id = {first.pk}", f"UPDATE {ENTRIES} SET {sets[0]} WHERE id = {second.pk}")
    assert (verify().broken.seq, verify().broken.how) == (2, "reordered")


def test_a_forged_entry_in_the_middle_is_found(write: Any, tamper: Any) -> None:
    entries = write(5)
    forged = (
        f"(id, at, operation, outcome, actor_label, target_type, target_id, target_name, address, request_id, message, details, digest) \
        SELECT 9999, at, 'guest.delete', outcome, 'mallory', '', '', '', '', '', '', details, '' FROM {ENTRIES} WHERE id = {entries[2].pk}"
    )
    off = [f"ALTER TABLE {ENTRIES} DISABLE TRIGGER USER"] if connection.vendor == "postgresql" else []
    on = [f"ALTER TABLE {ENTRIES} ENABLE TRIGGER USER"] if connection.vendor == "postgresql" else []
    tamper(*off, f"INSERT INTO {ENTRIES} {forged}", *on)
    assert verify().broken.how == "inserted"
    moves = [f"UPDATE {LINKS} SET seq = {seq + 1} WHERE seq = {seq}" for seq in (5, 4, 3)]
    entry = AuditEntry.objects.get(pk=9999)
    digest = canonical.digest_of(entry)
    previous = AuditLink.objects.get(seq=2).hash
    values = f"(3, 9999, '{previous}', '{canonical.link_hash(previous, 3, 9999, digest)}')"
    link = f"INSERT INTO {LINKS} (seq, entry_id, previous, hash) VALUES {values}"
    tamper(*moves, f"UPDATE {ENTRIES} SET digest = '{digest}' WHERE id = 9999", link)
    assert verify().broken.seq == 4
    assert verify().broken.how in ("inserted", "reordered")


def test_a_cut_off_end_is_found_against_an_anchor_only(write: Any, tamper: Any) -> None:
    write(5)
    anchor = Anchor(chain.head().seq, chain.head().hash, "then")
    tamper(f"DELETE FROM {LINKS} WHERE seq > 3", f"DELETE FROM {ENTRIES} WHERE id IN (SELECT id FROM {ENTRIES} ORDER BY id DESC LIMIT 2)")
    assert verify().is_intact
    assert (verify(anchors=[anchor]).broken.seq, verify(anchors=[anchor]).broken.how) == (4, "truncated")
    write(4)
    assert verify(anchors=[anchor]).broken.seq == 5, "the chain grew past the anchor again"


def test_a_part_can_be_verified(write: Any, tamper: Any) -> None:
    entries = write(9)
    tamper(f"UPDATE {ENTRIES} SET actor_label = 'mallory' WHERE id = {entries[2].pk}")
    assert verify(first=4).count == 6
    assert verify(first=4).is_intact
    assert verify(last=2).is_intact
    assert not verify(first=2, last=4).is_intact


@pytest.mark.parametrize("verb", ["update", "delete", "truncate"])
@pytest.mark.parametrize("table", [ENTRIES, LINKS])
def test_the_database_refuses_plain_sql(write: Any, verb: str, table: str) -> None:
    write(2)
    column = "message" if table == ENTRIES else "previous"
    statement = {
        "update": f"UPDATE {table} SET {column} = 'x'",
        "delete": f"DELETE FROM {table}",
        "truncate": f"TRUNCATE {table} CASCADE" if connection.vendor == "postgresql" else f"DELETE FROM {table} WHERE 1 = 1",
    }[verb]
    with pytest.raises(DatabaseError, match="append-only"), connection.cursor() as cursor:
        cursor.execute(statement)
    assert verify().count == 2


def test_the_model_refuses_too(write: Any) -> None:
    entry = write()[0]
    for attempt in (
        entry.save,
        entry.delete,
        lambda: AuditEntry.objects.update(message="x"),
        lambda: AuditEntry.objects.all().delete(),
        lambda: AuditEntry.objects.bulk_create([AuditEntry()]),
        lambda: AuditEntry.objects.bulk_update([entry], ["message"]),
        link_of(entry).save,
    ):
        with pytest.raises(AppendOnly):
            attempt()


def test_missing_triggers_are_reported_and_migrate_brings_them_back(write: Any) -> None:
    from tenants.audit import triggers

    write()
    with connection.cursor() as cursor:
        for statement in triggers.drop_statements(connection.vendor):
            cursor.execute(statement)
    assert verify().broken.how == "unprotected"
    call_command("migrate", verbosity=0)
    assert verify().is_intact


def test_an_entry_is_rolled_back_with_its_change(actor: Any) -> None:
    with transaction.atomic():
        audit.record(actor, "guest.change", "done")
        transaction.set_rollback(True)
    audit.record(actor, "guest.start", "done")
    assert (verify().count, AuditEntry.objects.get().operation) == (1, "guest.start")


def test_a_refusal_survives_the_rollback_of_what_is_around_it(actor: Any) -> None:
    with audit.surviving_rollback(), transaction.atomic():
        audit.record(actor, "guest.change", "done")
        audit.record(actor, "guest.start", "refused", message="No.")
        transaction.set_rollback(True)
    with audit.surviving_rollback(), transaction.atomic():
        audit.record(actor, "guest.stop", "refused")
    assert [(entry.operation, entry.message) for entry in AuditEntry.objects.order_by("pk")] == [("guest.start", "No."), ("guest.stop", "")]
    assert verify().count == 2


@pytest.mark.parametrize(("threads", "each"), [(20, 50)])
def test_parallel_writers_make_one_unbroken_chain(actor: Any, threads: int, each: int) -> None:
    barrier, errors = Barrier(threads), []

    def work(number: int) -> None:
        barrier.wait()
        try:
            for turn in range(each):
                with transaction.atomic():
                    audit.record(actor, f"t{number}.{turn}", "done")
                    if turn % 5 == 0:
                        audit.record(actor, f"t{number}.{turn}b", "done")
                    if turn % 7 == 0:
                        transaction.set_rollback(True)
        except Exception as error:
            errors.append(error)
        finally:
            connection.close()

    workers = [Thread(target=work, args=(number,)) for number in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(100)
    kept = [turn for turn in range(each) if turn % 7]
    wanted = threads * (len(kept) + sum(turn % 5 == 0 for turn in kept))
    assert errors == []
    assert verify().is_intact, verify().broken
    assert (verify().count, AuditEntry.objects.count()) == (wanted, wanted)


def test_odd_values_come_back_as_they_were_hashed(actor: Any) -> None:
    audit.record(
        actor, "a", "done", message="NUL \0, half \ud800, line\nend", details={"f": 0.1, "big": 2**70, "n\0": [1, None, {"x": b"y"}]}
    )
    audit.record(actor, "b", "done", details={"big": ["x" * 900] * 100})
    audit.record(actor, "c" * 64, "done", message="x" * 9999)
    assert verify().is_intact


# -- the command ------------------------------------------------------------------------------------------------------------------
def run_command(*args: str) -> str:
    out = StringIO()
    call_command("verify_audit", *args, stdout=out)
    return out.getvalue()


def test_the_command_prints_count_and_head(write: Any, settings: Any, tmp_path: Path) -> None:
    settings.DATA_DIR = tmp_path
    write(3)
    assert f"3 entries verified, head 3 {chain.head().hash}" in run_command()


def test_the_command_fails_and_names_the_entry(write: Any, tamper: Any, settings: Any, tmp_path: Path) -> None:
    settings.DATA_DIR = tmp_path
    entry = write(3)[1]
    tamper(f"UPDATE {ENTRIES} SET message = 'x' WHERE id = {entry.pk}")
    with pytest.raises(CommandError, match=r"Broken at 2, changed: Entry 2 .*guest.change1 by") as caught:
        run_command()
    assert caught.value.returncode == 1


def test_the_command_uses_the_anchors_of_the_data_folder(write: Any, tamper: Any, settings: Any, tmp_path: Path) -> None:
    settings.DATA_DIR = tmp_path
    assert anchors.write() is None
    write(3)
    assert anchors.write().seq == 3
    assert anchors.write() is None, "the head did not move"
    tamper(f"DELETE FROM {LINKS} WHERE seq = 3", f"DELETE FROM {ENTRIES} WHERE id = (SELECT max(id) FROM {ENTRIES})")
    with pytest.raises(CommandError, match="truncated"):
        run_command()
    other = tmp_path / "other.jsonl"
    other.write_text(json.dumps({"seq": 2, "hash": chain.head().hash}) + "\n")
    assert "1 anchors" in run_command("--anchor", str(other))
    other.write_text("{}\n")
    with pytest.raises(CommandError, match="Line 1") as caught:
        run_command("--anchor", str(other))
    assert caught.value.returncode == 2


def test_records_and_locks_of_a_tenant_in_any_order_do_not_deadlock(actor: Any) -> None:
    """Whoever links holds the chain's head; nobody may wait for a row of another meanwhile, not for a deferred foreign key either."""
    from jobs.models import Job
    from tenants.models import Tenant

    tenant, barrier, errors = Tenant.objects.create(name="acme"), Barrier(8), []

    def work(number: int) -> None:
        barrier.wait()
        try:
            for _ in range(25):
                with transaction.atomic():
                    if number % 2:
                        Tenant.objects.select_for_update().get(pk=tenant.pk)
                    audit.record(actor, "guest.start", "done", target=tenant)
                    if not number % 2:
                        Job.objects.create(kind="x", title="x", actor_label="x", tenant=tenant)
                        audit.record(actor, "guest.stop", "done", target=tenant)
        except Exception as error:
            errors.append(error)
        finally:
            connection.close()

    workers = [Thread(target=work, args=(number,)) for number in range(8)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    assert errors == []
    assert verify().is_intact
    assert verify().count == 4 * 25 + 4 * 50
