"""One log line is one line: control characters escaped, 4 KiB at most. structlog writes through the standard library."""

from __future__ import annotations

import logging
import re

import structlog

LINK = re.compile(r"(invite(?:/|%2F))[^/%\s\"'&]+", re.IGNORECASE)
"""The secret part of an invitation's path, also inside ?next=."""


class LineFormatter(logging.Formatter):
    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s: %(message)s", "%H:%M:%S")

    def format(self, record: logging.LogRecord) -> str:
        text = super().format(record)
        head, *trace = text.split("\n")
        return "\n    ".join(escape(line) for line in (head, *trace))


class NoReadiness(logging.Filter):
    """A 503 of /readyz is an answer, not an error; whoever waits for us to start asks several times a second."""

    def filter(self, record: logging.LogRecord) -> bool:
        return record.levelno < logging.WARNING or not record.name.startswith("django") or "/readyz" not in record.getMessage()


def escape(line: str) -> str:
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in LINK.sub(r"\1[secret]", line))[:4096]


def configure_structlog() -> None:
    """The request id that django-structlog binds is on each line; levels are those of LOGGING."""
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            structlog.contextvars.merge_contextvars,
            structlog.processors.format_exc_info,
            structlog.processors.KeyValueRenderer(key_order=["event"]),
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
