"""Tools shared by the image recipes: progress lines, child processes, package downloads, cpio archives, GRUB.

Everything works on plain files without loop devices or mounts, so it runs in containers and, where the recipe itself
needs no root, as an ordinary user. What goes into an image is decided by the recipes, not here.
"""

import argparse
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

Report = Callable[[str, int], None]
"""Called with what is being done now and how far the whole recipe is, in percent."""

SECTOR = 512
PARTITION_OFFSET = 1024 * 1024
GRUB_DIR = Path("/usr/lib/grub/i386-pc")


class RecipeError(Exception):
    """The image could not be built; the message says why and what to do."""


class Cancelled(RecipeError):
    """SIGTERM or Ctrl-C arrived."""


def require_programs(packages_by_program: dict[str, str]) -> None:
    """Raise RecipeError naming the Debian packages to install when a program is missing."""
    missing = sorted({package for program, package in packages_by_program.items() if not _finds(program)})
    if missing:
        raise RecipeError(f"This recipe needs programs that are not installed. Run: apt-get install {' '.join(missing)}")


def _finds(program: str) -> bool:
    return Path(program).exists() if program.startswith("/") else find_program(program) is not None


def find_program(name: str) -> str | None:
    # mke2fs lives in /usr/sbin, which is not on an ordinary user's PATH in Debian.
    return shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")


def run(command: Sequence[str | Path], *, cwd: Path | None = None, on_line: Callable[[str], None] | None = None) -> str:
    """Run a program to its end and return its output; on failure the error carries the last lines.

    The child gets its own process group, which is ended with us when the recipe is cancelled.
    """
    words = [str(word) for word in command]
    program = find_program(words[0])
    if program is None:
        raise RecipeError(f"{words[0]} is not installed.")
    words[0] = program
    output: list[str] = []
    child = subprocess.Popen(
        words, cwd=cwd, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
    )
    try:
        for line in child.stdout or ():
            output.append(line)
            if on_line is not None:
                on_line(line.rstrip("\n"))
        status = child.wait()
    except BaseException:
        _end_group(child)
        raise
    if status != 0:
        tail = "".join(output[-12:]).strip()
        raise RecipeError(f"{Path(words[0]).name} failed with status {status}:\n{tail}")
    return "".join(output)


def _end_group(child: "subprocess.Popen[str]") -> None:
    for number, patience_s in ((signal.SIGTERM, 5.0), (signal.SIGKILL, 5.0)):
        try:
            os.killpg(child.pid, number)
        except ProcessLookupError:
            return
        try:
            child.wait(patience_s)
            return
        except subprocess.TimeoutExpired:
            continue


def download_package(name: str, *, cache: Path) -> Path:
    """Return the .deb of the newest version apt knows, from the cache when it is there already."""
    listing = run(["apt-get", "download", "--print-uris", name])
    fields = listing.strip().splitlines()[-1].split() if listing.strip() else []
    if len(fields) < 2:
        raise RecipeError(f"apt knows no package {name}. Run: apt-get update")
    deb = cache / fields[1]
    if not deb.exists():
        with tempfile.TemporaryDirectory(dir=cache, prefix="download-") as folder:
            run(["apt-get", "download", name], cwd=Path(folder))
            (Path(folder) / fields[1]).replace(deb)
    return deb


def unpack_package(deb: Path, *, into: Path) -> None:
    run(["dpkg-deb", "-x", deb, into])


def dependency_of(package: str, *, prefix: str) -> str:
    """Name of the package starting with `prefix` that a meta package depends on."""
    for line in run(["apt-cache", "depends", package]).splitlines():
        kind, _, name = line.strip().partition(": ")
        if kind == "Depends" and name.startswith(prefix):
            return name
    raise RecipeError(f"apt knows no package {package}. Run: apt-get update")


def cpio_entry(name: str, *, mode: int, data: bytes = b"", device: tuple[int, int] = (0, 0)) -> bytes:
    """One member of a "newc" archive (Linux Documentation/driver-api/early-userspace/buffer-format.rst)."""
    path = name.encode() + b"\0"
    numbers = (0, mode, 0, 0, 1, 0, len(data), 0, 0, *device, len(path), 0)
    header = b"070701" + b"".join(b"%08X" % number for number in numbers)
    return _padded(header + path) + _padded(data)


def _padded(block: bytes) -> bytes:
    return block + b"\0" * (-len(block) % 4)


def write_boot_disk(raw: Path, *, filesystem: Path, grub_config: str, modules: Sequence[str], scratch: Path) -> None:
    """Join a file system and GRUB for BIOS into a raw disk with one partition at 1 MiB.

    GRUB's boot.img goes to the first sector and its core image right behind it, which is where boot.img looks unless
    told otherwise; grub-install would want a block device and udev for the same result.
    """
    config = scratch / "grub-early.cfg"
    config.write_text(grub_config)
    core = scratch / "core.img"
    run(["grub-mkimage", "-O", "i386-pc", "-d", GRUB_DIR, "-p", "(hd0,msdos1)/boot/grub", "-c", config, "-o", core, *modules])
    boot_code = (GRUB_DIR / "boot.img").read_bytes()[:440]
    core_code = core.read_bytes()
    if SECTOR + len(core_code) > PARTITION_OFFSET:
        raise RecipeError("GRUB's core image does not fit before the first partition.")
    sectors = filesystem.stat().st_size // SECTOR
    with raw.open("wb") as disk:
        disk.write(boot_code.ljust(440, b"\0"))
        disk.seek(446)
        disk.write(_partition_entry(PARTITION_OFFSET // SECTOR, sectors=sectors))
        disk.seek(510)
        disk.write(b"\x55\xaa" + core_code)
        disk.truncate(PARTITION_OFFSET + sectors * SECTOR)
    run(["dd", f"if={filesystem}", f"of={raw}", "bs=1M", "seek=1", "conv=notrunc,sparse"])


def _partition_entry(first: int, *, sectors: int) -> bytes:
    no_chs = b"\xfe\xff\xff"
    return b"\x80" + no_chs + b"\x83" + no_chs + first.to_bytes(4, "little") + sectors.to_bytes(4, "little")


def convert_to_qcow2(raw: Path, *, output: Path) -> None:
    """Write a compressed qcow2 beside its final name and move it there, so that a half-written image never shows."""
    output.parent.mkdir(parents=True, exist_ok=True)
    partial = output.with_name(f".{output.name}.partial")
    try:
        run(["qemu-img", "convert", "-f", "raw", "-O", "qcow2", "-c", raw, partial])
        partial.replace(output)
    finally:
        partial.unlink(missing_ok=True)


@contextmanager
def scratch_folder(cache: Path) -> Iterator[Path]:
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache, prefix="build-") as name:
        yield Path(name)


def main(build: Callable[..., None], *, description: str) -> int:
    """Command line of a recipe: JSON lines {"step", "percent"} on stdout, the last one with the file's size and hash.

    Exit status: 0 built, 1 failed (last line {"error": ...}), 143 cancelled by SIGTERM.
    """
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--output", type=Path, required=True, help="qcow2 file to write")
    parser.add_argument("--cache", type=Path, required=True, help="folder for downloads and scratch files")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, _raise_cancelled)
    signal.signal(signal.SIGINT, _raise_cancelled)
    try:
        build(options.output.absolute(), cache=options.cache.absolute(), report=lambda step, percent: _emit(step=step, percent=percent))
    except Cancelled as cancelled:
        _emit(error=str(cancelled))
        return 143
    except (RecipeError, OSError) as problem:
        _emit(error=str(problem))
        return 1
    with options.output.open("rb") as image:
        digest = hashlib.file_digest(image, "sha256").hexdigest()
    _emit(step="done", percent=100, file=str(options.output), size_bytes=options.output.stat().st_size, sha256=digest)
    return 0


def _emit(**fields: object) -> None:
    print(json.dumps(fields), flush=True)


def _raise_cancelled(number: int, frame: FrameType | None) -> None:
    signal.signal(number, signal.SIG_IGN)
    raise Cancelled("The build was cancelled.")


def exit_with(build: Callable[..., None], *, description: str) -> None:
    sys.exit(main(build, description=description))
