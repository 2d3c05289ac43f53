"""What waits for one socket: the newest per row, in order, bounded."""

from __future__ import annotations

from live.outbox import MAX_WAITING, Delta, Notice, Outbox, SnapshotDue


def delta(row: str, version: int, *, topic: str = "guests", type_: str = "changed") -> Delta:
    return Delta(topic, type_, version, {"id": row})


def fill(outbox: Outbox, *deltas: Delta) -> None:
    for item in deltas:
        outbox.delta(item.topic, item.data["id"], item)


async def test_the_newest_change_of_a_row_takes_the_place_of_the_older():
    outbox = Outbox()
    fill(outbox, delta("a", 1), delta("b", 1), delta("a", 3), delta("a", 2))
    assert [(item.data["id"], item.version) for item in await outbox.take()] == [("a", 3), ("b", 1)]


async def test_of_two_with_the_same_version_the_later_counts():
    """Statistics do not raise the version."""
    outbox = Outbox()
    later = Delta("guests", "changed", 1, {"id": "a", "cpu_percent": 50})
    fill(outbox, delta("a", 1), later)
    assert await outbox.take() == [later]


async def test_too_many_rows_become_one_snapshot_of_their_list():
    outbox = Outbox()
    fill(outbox, *(delta(str(number), 1) for number in range(MAX_WAITING)))
    assert len(outbox) == MAX_WAITING
    fill(outbox, delta("one more", 1))
    assert await outbox.take() == [SnapshotDue("guests")]


async def test_changes_before_a_snapshot_that_was_not_taken_yet_are_dropped_and_those_after_it_too():
    outbox = Outbox()
    fill(outbox, delta("a", 1))
    outbox.snapshot("guests")
    fill(outbox, delta("a", 2), delta("a", 2, topic="guest:a"))
    assert await outbox.take() == [SnapshotDue("guests"), delta("a", 2, topic="guest:a")]
    fill(outbox, delta("a", 3))
    assert await outbox.take() == [delta("a", 3)]


async def test_what_was_unsubscribed_is_not_sent():
    outbox = Outbox()
    fill(outbox, delta("a", 1), delta("a", 1, topic="guest:a"))
    outbox.forget("guests")
    assert [item.topic for item in await outbox.take()] == ["guest:a"]


async def test_notices_do_not_pile_up_without_end():
    outbox = Outbox()
    for number in range(10 * MAX_WAITING):
        outbox.notice({"n": number})
    items = await outbox.take()
    assert len(items) == 2 * MAX_WAITING
    assert items[0] == Notice({"n": 0})
