"""The project: settings, ASGI, Celery, URLs, the error hierarchy and what every app shares. No product rule lives here."""
