"""Settings by environment: see .env.example. `base` is everything; `test` changes what the tests need."""

import os

# Importing `kvmweb.settings.test` imports this package first: were `base` read then, the tests would get the product's data folder.
if os.environ.get("DJANGO_SETTINGS_MODULE") != "kvmweb.settings.test":
    from kvmweb.settings.base import *  # noqa: F403
