"""Real image files, made by qemu-img, in an import folder of the test's own."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from django.conf import LazySettings

from tests.guests.conftest import machine

__all__ = ["machine"]


@pytest.fixture(autouse=True)
def folders(tmp_path_factory: pytest.TempPathFactory, settings: LazySettings) -> None:
    folder = tmp_path_factory.mktemp("data")
    settings.IMAGES_DIR = folder / "images"
    settings.IMPORT_DIR = folder / "import"
    settings.IMPORT_DIR.mkdir()


@pytest.fixture
def import_file(settings: LazySettings) -> Callable[[str, bytes], Path]:
    def write(name: str, content: bytes) -> Path:
        path = Path(settings.IMPORT_DIR) / name
        path.write_bytes(content)
        return path

    return write


@pytest.fixture
def qemu_img(settings: LazySettings) -> Callable[..., Path]:
    """qemu-img create in the import folder."""

    def create(name: str, *options: str, size: str = "10M") -> Path:
        path = Path(settings.IMPORT_DIR) / name
        subprocess.run(["qemu-img", "create", "-q", *options, str(path), size], check=True)
        return path

    return create


@pytest.fixture
def raw_disk() -> bytes:
    """1 MiB with a boot sector and a mark at its end."""
    return b"\0" * 510 + b"\x55\xaa" + b"\0" * (1024**2 - 512 - 16) + b"the end of disk!"


@pytest.fixture
def iso() -> bytes:
    return b"\0" * 0x8001 + b"CD001" + b"\0" * 65536
