"""Settings by environment: see .env.example. `base` is everything; `test` changes what the tests need."""

from kvmweb.settings.base import *  # noqa: F403
