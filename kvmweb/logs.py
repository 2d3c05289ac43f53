"""One log line is one line: control characters escaped, 4 KiB at most."""

from __future__ import annotations

import logging


class LineFormatter(logging.Formatter):
    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s: %(message)s", "%H:%M:%S")

    def format(self, record: logging.LogRecord) -> str:
        text = super().format(record)
        head, *trace = text.split("\n")
        return "\n    ".join(escape(line) for line in (head, *trace))


def escape(line: str) -> str:
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in line)[:4096]
