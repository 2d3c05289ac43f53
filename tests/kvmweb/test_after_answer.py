"""What may wait until the answer is on its way, and what happens where there is no answer."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import pytest

from kvmweb.after_answer import after_answer, answering_first

done: list[str] = []


@pytest.fixture(autouse=True)
def nothing_done() -> None:
    done.clear()


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    after_answer(lambda: done.append("work"))
    if environ.get("fails"):
        raise RuntimeError
    return [b"the ", b"answer"]


def test_outside_of_a_request_it_is_done_at_once() -> None:
    after_answer(lambda: done.append("work"))
    assert done == ["work"]


def test_in_a_request_it_is_done_when_the_answer_is_closed(db: None) -> None:
    answer = answering_first(application)({}, lambda *_: None)
    assert b"".join(answer) == b"the answer"
    assert done == []
    answer.close()  # type: ignore[attr-defined]
    assert done == ["work"]


def test_work_that_fails_does_not_keep_the_next_from_being_done(db: None) -> None:
    def failing_first(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        after_answer(lambda: 1 / 0)
        return application(environ, start_response)

    answering_first(failing_first)({}, lambda *_: None).close()  # type: ignore[attr-defined]
    assert done == ["work"]


def test_a_request_that_failed_leaves_nothing_to_the_next_one_in_its_thread() -> None:
    with pytest.raises(RuntimeError):
        answering_first(application)({"fails": True}, lambda *_: None)
    after_answer(lambda: done.append("now"))
    assert done == ["now"]
