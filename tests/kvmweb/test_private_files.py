"""What other users of the machine may read of an installation: neither its database nor its logs, and its first password is in no log."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from kvmweb import supervisor
from kvmweb.supervisor import PROJECT, Place, Program, Supervisor, claim

MODES_OF_DATABASE = """
import glob, json, os, sys
os.umask(0o022)
import django
django.setup()
from django.db import connection
connection.cursor().execute("CREATE TABLE something (x)")
print(json.dumps({os.path.basename(file): os.stat(file).st_mode & 0o777 for file in glob.glob(sys.argv[1] + "/db.sqlite3*")}))
"""


@pytest.mark.parametrize("is_older", [False, True])
def test_the_database_is_readable_by_its_own_user_only(tmp_path: Path, is_older: bool) -> None:
    if is_older:
        (tmp_path / "db.sqlite3").touch()
        (tmp_path / "db.sqlite3").chmod(0o644)
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("KVMWEB_", "DATABASE_URL", "DJANGO_"))}
    env = {**kept, "KVMWEB_DATA_DIR": str(tmp_path), "DJANGO_SETTINGS_MODULE": "kvmweb.settings"}
    command = [sys.executable, "-c", MODES_OF_DATABASE, str(tmp_path)]
    done = subprocess.run(command, cwd=PROJECT, env=env, capture_output=True, text=True, check=True, timeout=100)
    assert json.loads(done.stdout) == dict.fromkeys(("db.sqlite3", "db.sqlite3-wal", "db.sqlite3-shm"), 0o600)


def test_folders_with_logs_and_locks_are_closed_to_others_also_where_they_were_open(tmp_path: Path) -> None:
    for name in ("logs", "run"):
        (tmp_path / name).mkdir(mode=0o755)
    claim(tmp_path).close()
    Supervisor(Place(tmp_path, "127.0.0.1", 1, ""), [Program("web", ("true",))])
    assert [(tmp_path / name).stat().st_mode & 0o777 for name in ("logs", "run")] == [0o700, 0o700]


def test_the_first_password_is_told_to_the_terminal_and_to_no_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "admin_password").write_text("the-first-password\n")
    monkeypatch.setattr(supervisor, "_answers", lambda url: True)
    asyncio.run(Supervisor(Place(tmp_path, "127.0.0.1", 1, ""), [Program("web", ("true",))])._announce())
    assert "the-first-password" in capsys.readouterr().out
    log = (tmp_path / "logs" / "kvmweb.log").read_text()
    assert "is ready" in log
    assert "the-first-password" not in log
