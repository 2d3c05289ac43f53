"""What sockets get alike is made once, and never for those who may see less."""

from __future__ import annotations

import asyncio
import threading
from dataclasses import replace
from uuid import uuid4

import pytest

from live.shared import Snapshots, view_of
from live.topics import Topic
from tenants.actor import Actor

GUESTS = Topic("guests", "", "", is_shared=False)
MEMBER = Actor(label="mia", user_id=uuid4(), roles={uuid4(): "member"})


def test_who_one_is_makes_no_other_view_and_what_one_may_does() -> None:
    assert view_of(MEMBER, GUESTS) == view_of(
        replace(MEMBER, label="max", user_id=uuid4(), address="::1", request_id="1", token="t"), GUESTS
    )
    others = [
        replace(MEMBER, user_id=None),
        replace(MEMBER, scope="read"),
        replace(MEMBER, system_role="operator"),
        replace(MEMBER, roles={}),
        replace(MEMBER, roles=dict.fromkeys(MEMBER.roles, "viewer")),
        replace(MEMBER, viewing_as="acme"),
        replace(MEMBER, only_tenant=next(iter(MEMBER.roles))),
        replace(MEMBER, lacks_mfa=True),
    ]
    assert len({view_of(actor, GUESTS) for actor in [MEMBER, *others]}) == 1 + len(others)


class Maker:
    """Counts what it makes, and waits for `go` each time."""

    def __init__(self) -> None:
        self.made = 0
        self.go = threading.Semaphore(0)
        self.began = threading.Semaphore(0)

    def __call__(self) -> str:
        self.made += 1
        number = self.made
        self.began.release()
        assert self.go.acquire(timeout=5)
        return f"snapshot {number}"


def test_who_asks_meanwhile_shares_the_next_one_and_never_the_one_under_way() -> None:
    async def storm() -> tuple[list[str | None], int]:
        snapshots, maker = Snapshots(), Maker()
        first = asyncio.create_task(snapshots.take(("guests",), maker))
        await asyncio.to_thread(maker.began.acquire)
        others = [asyncio.create_task(snapshots.take(("guests",), maker)) for _ in range(100)]
        await asyncio.sleep(0)
        maker.go.release(2)
        return await asyncio.gather(first, *others), maker.made

    texts, made = asyncio.run(storm())
    assert made == 2
    assert texts == ["snapshot 1"] + ["snapshot 2"] * 100


def test_one_that_goes_away_does_not_take_it_from_the_others_and_an_error_reaches_all() -> None:
    async def run() -> None:
        snapshots, maker = Snapshots(), Maker()
        leaving, staying = (asyncio.create_task(snapshots.take(("guests",), maker)) for _ in range(2))
        await asyncio.to_thread(maker.began.acquire)
        leaving.cancel()
        maker.go.release()
        assert await staying == "snapshot 1"

        def fails() -> str:
            raise RuntimeError("the database is away")

        results = await asyncio.gather(*(snapshots.take(("jobs",), fails) for _ in range(3)), return_exceptions=True)
        assert [str(error) for error in results] == ["the database is away"] * 3
        maker.go.release()
        assert await snapshots.take(("guests",), maker) == "snapshot 2"

    asyncio.run(run())


@pytest.mark.parametrize("count", [1, 3])
def test_views_do_not_share(count: int) -> None:
    async def run() -> list[str | None]:
        snapshots = Snapshots()
        return await asyncio.gather(*(snapshots.take(("guests", view), lambda view=view: str(view)) for view in range(count)))

    assert asyncio.run(run()) == [str(view) for view in range(count)]
