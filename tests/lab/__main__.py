"""`python -m tests.lab NAME [FOLDER]`: a lab host to try things with by hand, until Ctrl-C."""

import signal
import sys
import tempfile
from pathlib import Path

from tests.lab.hosts import LabHost

name = sys.argv[1] if len(sys.argv) > 1 else "h1"
folder = Path(sys.argv[2] if len(sys.argv) > 2 else tempfile.mkdtemp(prefix="lab-"))
with LabHost(folder, name=name) as host:
    print(f"{name} is up: virsh -c '{host.uri}'   (socket {host.socket})", flush=True)
    signal.sigwait({signal.SIGINT, signal.SIGTERM})
