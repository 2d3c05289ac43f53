"""What web may import from here must not bring libvirt along."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.parametrize(
    "module", ["broker_client", "serial_hub", "pool", "port", "specs", "observed", "errors", "fake", "xml.guest", "picture"]
)
def test_only_the_libvirt_package_imports_libvirt(module: str) -> None:
    script = f"import sys, hypervisor.{module}; sys.exit('libvirt' in sys.modules or 'django' in sys.modules)"
    subprocess.run([sys.executable, "-c", script], check=True, timeout=30, cwd=Path(__file__).parents[2])
