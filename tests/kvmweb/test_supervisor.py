"""The supervisor with small stand-in programs: what it restarts, refuses, and leaves behind (nothing)."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from kvmweb.supervisor import CannotStart, Place, claim, require_free_port

PROJECT = Path(__file__).resolve().parent.parent.parent
HARNESS = """
import asyncio, json, sys
from pathlib import Path
from kvmweb.supervisor import Place, Program, Supervisor, claim
place = Place(Path(sys.argv[1]), "127.0.0.1", 1, "")
lock = claim(place.data_dir)
asyncio.run(Supervisor(place, [Program(name, tuple(command)) for name, command in json.loads(sys.argv[2])]).run())
"""


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    return tmp_path


@pytest.fixture
def supervise(data_dir: Path) -> Iterator[Callable[..., "subprocess.Popen[bytes]"]]:
    started: list[subprocess.Popen[bytes]] = []

    def start(**commands: list[str]) -> "subprocess.Popen[bytes]":
        arguments = [sys.executable, "-c", HARNESS, str(data_dir), json.dumps(list(commands.items()))]
        started.append(subprocess.Popen(arguments, cwd=PROJECT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.wait()


def python(code: str) -> list[str]:
    return [sys.executable, "-c", code]


def pid_in(path: Path) -> int:
    eventually(lambda: path.exists() and path.read_text().strip() != "")
    return int(path.read_text())


def alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


def eventually(condition: Callable[[], bool], timeout_s: float = 10) -> None:
    end = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < end, "did not happen in time"
        time.sleep(0.05)


def write_pid(path: Path) -> str:
    return f"import os, signal, time; open({str(path)!r}, 'w').write(str(os.getpid()))"


def test_a_program_that_dies_is_started_again(supervise: Callable[..., "subprocess.Popen[bytes]"], data_dir: Path) -> None:
    supervise(steady=python(f"{write_pid(data_dir / 'pid')}; time.sleep(60)"))
    first = pid_in(data_dir / "pid")
    os.kill(first, signal.SIGKILL)
    eventually(lambda: pid_in(data_dir / "pid") != first)
    assert "was ended by signal 9; starting it again in 1 s" in (data_dir / "logs/steady.log").read_text()


def test_stopping_ends_even_what_ignores_sigterm_or_hides_in_its_own_session(
    supervise: Callable[..., "subprocess.Popen[bytes]"], data_dir: Path
) -> None:
    hidden = f"{write_pid(data_dir / 'hidden')}; time.sleep(60)"
    process = supervise(
        deaf=python(f"{write_pid(data_dir / 'deaf')}; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(60)"),
        parent=python(f"import subprocess, sys; subprocess.Popen([sys.executable, '-c', {hidden!r}], start_new_session=True); sys.exit(1)"),
    )
    deaf, orphan = pid_in(data_dir / "deaf"), pid_in(data_dir / "hidden")
    time.sleep(0.3)
    asked = time.monotonic()
    process.terminate()
    assert process.wait(timeout=10) == 0
    assert time.monotonic() - asked < 10
    assert not alive(deaf)
    assert not alive(orphan)


def test_programs_end_when_the_supervisor_is_killed(supervise: Callable[..., "subprocess.Popen[bytes]"], data_dir: Path) -> None:
    process = supervise(steady=python(f"{write_pid(data_dir / 'pid')}; time.sleep(60)"))
    pid = pid_in(data_dir / "pid")
    process.kill()
    eventually(lambda: not alive(pid))


def test_a_second_start_on_the_same_folder_is_refused(tmp_path: Path) -> None:
    with claim(tmp_path), pytest.raises(CannotStart, match=f"already runs on .*process {os.getpid()}"):
        claim(tmp_path)


def test_a_taken_port_is_named_with_the_way_out(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(CannotStart, match=f"Port {port} on 127.0.0.1 is taken.*KVMWEB_PORT={port + 1}"):
            require_free_port(Place(tmp_path, "127.0.0.1", port, ""))


@pytest.mark.parametrize("port", ["0", "65536", "http", "-1"])
def test_a_port_that_is_none_is_refused(port: str) -> None:
    with pytest.raises(CannotStart, match="number from 1 to 65535"):
        Place.from_environment({"KVMWEB_PORT": port})


def test_a_data_folder_too_deep_for_unix_sockets_is_refused() -> None:
    with pytest.raises(CannotStart, match="too long for unix sockets"):
        Place.from_environment({"KVMWEB_DATA_DIR": "/" + "x" * 100})
