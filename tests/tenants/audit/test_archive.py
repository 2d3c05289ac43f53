"""Archiving: the file has everything, the rest verifies, and nothing can be taken away under its name."""

from __future__ import annotations

import json
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connection

from tenants.audit import canonical, chain
from tenants.audit.verify import verify
from tenants.models import AuditEntry, AuditLink

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def old(write: Any, tamper: Any) -> list[AuditEntry]:
    """Six entries, four of them of 2020, chained as if it had always been so."""
    entries = write(6)
    previous, statements = canonical.FIRST, []
    for number, entry in enumerate(entries, start=1):
        if number <= 4:
            entry.at = entry.at.replace(year=2020)
        digest = canonical.digest_of(entry)
        link = canonical.link_hash(previous, number, entry.pk, digest)
        at = entry.at.strftime("%Y-%m-%d %H:%M:%S.%f") + ("+00" if connection.vendor == "postgresql" else "")
        statements += [
            f"UPDATE tenants_auditentry SET at = '{at}', digest = '{digest}' WHERE id = {entry.pk}",
            f"UPDATE tenants_auditlink SET previous = '{previous}', hash = '{link}' WHERE seq = {number}",
        ]
        previous = link
    tamper(*statements)
    assert verify().is_intact
    return entries


def archive(path: Path, before: str = "2021-01-01") -> str:
    out = StringIO()
    call_command("archive_audit", "--before", before, "--to", str(path), stdout=out)
    return out.getvalue()


def test_the_old_part_is_in_the_file_and_the_rest_verifies(old: list[AuditEntry], tmp_path: Path, write: Any) -> None:
    head = AuditLink.objects.get(seq=4)
    assert "4 entries up to number 4" in archive(tmp_path / "old.jsonl")
    assert (tmp_path / "old.jsonl").stat().st_mode & 0o077 == 0
    lines = [json.loads(line) for line in (tmp_path / "old.jsonl").read_text().splitlines()]
    assert [line["seq"] for line in lines] == [1, 2, 3, 4]
    assert lines[-1]["hash"] == head.hash
    write(2)
    verdict = verify()
    assert verdict.is_intact, verdict.broken
    assert (verdict.count, verdict.head.seq) == (5, 9)
    assert AuditEntry.objects.get(operation="audit.archive").details["hash"] == head.hash
    with pytest.raises(DatabaseError, match="append-only"), connection.cursor() as cursor:
        cursor.execute("DELETE FROM tenants_auditlink")


def test_a_beginning_that_no_archive_accounts_for_is_found(old: list[AuditEntry], tmp_path: Path, tamper: Any) -> None:
    archive(tmp_path / "old.jsonl")
    tamper("DELETE FROM tenants_auditlink WHERE seq = 5", f"DELETE FROM tenants_auditentry WHERE id = {old[4].pk}")
    assert verify().broken.how == "removed"


def test_a_broken_chain_is_not_archived(old: list[AuditEntry], tmp_path: Path, tamper: Any) -> None:
    tamper(f"UPDATE tenants_auditentry SET message = 'x' WHERE id = {old[1].pk}")
    with pytest.raises(CommandError, match="stays as it is"):
        archive(tmp_path / "old.jsonl")
    assert AuditEntry.objects.count() == 6


def test_the_end_of_the_chain_is_never_archived(old: list[AuditEntry], tmp_path: Path) -> None:
    archive(tmp_path / "all.jsonl", before="2999-01-01")
    assert chain.head().seq == 7
    assert verify().is_intact


@pytest.mark.parametrize("before", ["1999-01-01", "nonsense"])
def test_nothing_that_old_and_no_day(old: list[AuditEntry], tmp_path: Path, before: str) -> None:
    with pytest.raises(CommandError):
        archive(tmp_path / "x.jsonl", before=before)


def test_a_file_that_is_there_is_not_written_over(old: list[AuditEntry], tmp_path: Path) -> None:
    (tmp_path / "x").write_text("mine")
    with pytest.raises(CommandError, match="exists"):
        archive(tmp_path / "x")
    assert (tmp_path / "x").read_text() == "mine"
    assert AuditEntry.objects.count() == 6
