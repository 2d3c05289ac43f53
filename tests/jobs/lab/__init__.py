"""A small installation with real redis, Celery workers and beat, and workflows that work on files. See `installation` and `commands`."""
