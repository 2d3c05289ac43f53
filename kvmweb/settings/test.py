"""Settings of the tests: the fake hypervisor, in-memory channel layer, fast hashes, tasks recorded instead of sent."""

import atexit
import os
import shutil
import tempfile

if "KVMWEB_DATA_DIR" not in os.environ:
    os.environ["KVMWEB_DATA_DIR"] = tempfile.mkdtemp(prefix="kvmweb-test-")
    atexit.register(shutil.rmtree, os.environ["KVMWEB_DATA_DIR"], ignore_errors=True)

from kvmweb.settings.base import *  # noqa: F403

SECRET_KEY = "test"
HYPERVISOR_CONNECTOR = "hypervisor.fake.connect"
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
CHANNEL_LAYERS = {"default": {"BACKEND": "channels.layers.InMemoryChannelLayer"}}
LIVE_IN_PROCESS = True
CELERY_BROKER_URL = "memory://"
if DATABASES["default"]["ENGINE"].endswith("sqlite3"):  # noqa: F405
    # A file, as in the product: SQLite's in-memory database knows neither WAL nor waiting for a lock between threads.
    DATABASES["default"]["TEST"] = {"NAME": str(DATA_DIR / "test.sqlite3")}  # noqa: F405
# The names of a running instance carry its fingerprint; the API's description must not.
SESSION_COOKIE_NAME = "kvmweb_session"
CSRF_COOKIE_NAME = "kvmweb_csrf"
# Tests that are about it set one.
API_RATE = ""
