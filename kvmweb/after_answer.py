"""Work that nobody waits for, done by the thread of a request as soon as its answer is on the way: telling open browsers, above all.

It may be lost with its process, so it is for hints only: what has to happen is a row. Outside of a request of the web process, in
jobs, commands and tests, it is done at once.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from django.db import close_old_connections

logger = logging.getLogger(__name__)

Work = Callable[[], object]


class _Here(threading.local):
    works: list[Work] | None = None


_here = _Here()


def after_answer(work: Work) -> None:
    if _here.works is None:
        work()
    else:
        _here.works.append(work)


def answering_first(app: Callable[..., Iterable[bytes]]) -> Callable[..., Iterable[bytes]]:
    """The WSGI application, with `after_answer` put off until the server closes the answer: then all of it has been sent."""

    def answer(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        _here.works = []
        try:
            return _Answer(app(environ, start_response), _here.works)
        finally:
            _here.works = None

    return answer


class _Answer:
    def __init__(self, body: Iterable[bytes], works: list[Work]) -> None:
        self._body = body
        self._works = works

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._body)

    def close(self) -> None:
        close = getattr(self._body, "close", None)
        if close is not None:
            close()
        for work in self._works:
            try:
                work()
            except Exception:
                logger.exception("What follows an answer failed.")
        if self._works:
            close_old_connections()
