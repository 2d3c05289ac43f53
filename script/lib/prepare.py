"""Database, static files and first rows in one process, because starting Django three times would triple the wait.

Arguments are passed on to `manage.py bootstrap`. Run by script/server with the project's virtual environment.
"""

import logging
import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent.parent))
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "kvmweb.settings")

import django
from django.core.management import call_command

django.setup()
# Redis starts with the processes, after this; what cannot be sent now is found in the rows by the sweeper.
for name in ("live.bus", "jobs.enqueue"):
    logging.getLogger(name).setLevel(logging.ERROR)
call_command("migrate", interactive=False, verbosity=0)
call_command("collectstatic", interactive=False, verbosity=0)
call_command("bootstrap", *sys.argv[1:])
