"""A throwaway PostgreSQL for one run: on a unix socket in a folder of its own, with the settings of a fresh installation."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def throwaway_postgres() -> Iterator[str]:
    """Its DATABASE_URL. As root it runs as the user postgres, as PostgreSQL wants it."""
    programs = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    if not programs:
        raise SystemExit("PostgreSQL is not installed. Run: sudo apt-get install postgresql")
    as_user = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"] if os.getuid() == 0 else []
    with tempfile.TemporaryDirectory(prefix="kb-pg-", ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o755)
        home = Path(folder) / "home"
        home.mkdir()
        if as_user:
            subprocess.run(["chown", "postgres:", str(home)], check=True)

        def program(name: str, *args: str) -> None:
            subprocess.run([*as_user, str(programs[-1] / name), *args], cwd="/", check=True, capture_output=True)

        program("initdb", "-D", f"{home}/data", "-U", "kvmweb", "-A", "trust", "-E", "UTF8", "--no-sync")
        options = f"-c listen_addresses='' -c unix_socket_directories={home}"
        program("pg_ctl", "-D", f"{home}/data", "-l", f"{home}/log", "-w", "-s", "start", "-o", options)
        try:
            yield f"postgres://kvmweb@/{home}/postgres"
        finally:
            program("pg_ctl", "-D", f"{home}/data", "-m", "immediate", "-s", "stop")
