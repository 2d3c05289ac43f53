"""An open console closes within 5 s of losing the right to it, with a code and a reason."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

import pytest

from tests.console.blackbox.stage import Scene, Stage, close_of
from tests.console.blackbox.stub_guests import Hangs, echo

MakeScene = Callable[..., Scene]
LIMIT_S = 5.0


def log_out(here: Scene) -> None:
    here.stage.ask("log_out", session_key=here.session_key)


def end_session(here: Scene) -> None:
    """As the list of one's sessions does: the row goes, nobody is told."""
    here.stage.ask("end_session", session_key=here.session_key)


def change_password(here: Scene) -> None:
    here.stage.ask("change_password", user=here.user)


def lose_membership(here: Scene) -> None:
    here.stage.ask("lose_membership", user=here.user)


def close_tenant(here: Scene) -> None:
    here.stage.ask("close_tenant", tenant=here.tenant)


def kick(here: Scene) -> None:
    here.stage.ask("kick", guest=here.guest)


def disable(here: Scene) -> None:
    here.stage.ask("disable", user=here.user)


def become_viewer(here: Scene) -> None:
    here.stage.ask("set_role", user=here.user, role="viewer")


def hand_over(here: Scene) -> None:
    here.stage.ask("hand_over", guest=here.guest, tenant=here.stage.ask("make_tenant")["tenant"])


def delete_guest(here: Scene) -> None:
    here.stage.ask("delete_guest", guest=here.guest)


@pytest.mark.parametrize(
    ("lose", "code", "says"),
    [
        (log_out, 4403, "logged out"),
        (end_session, 4403, "logged out"),
        (change_password, 4403, "logged out"),
        (lose_membership, 4404, "no such guest"),
        (close_tenant, 4404, "no such guest"),
        (kick, 4403, "closed by an owner"),
        (disable, 4403, "logged out"),
        (become_viewer, 4403, "may no longer"),
        (hand_over, 4404, "no such guest"),
        (delete_guest, 4404, "no such guest"),
    ],
)
async def test_losing_the_right_closes_the_console(scene: MakeScene, lose: Callable[[Scene], None], code: int, says: str) -> None:
    here = scene(Hangs())
    async with here.open() as connection:
        assert await connection.recv() == b"hello"
        lose(here)
        got, reason = await close_of(connection, LIMIT_S)
    assert (got, says in reason) == (code, True)


async def test_a_logout_closes_a_console_whose_socket_showed_no_cookie(scene: MakeScene) -> None:
    here = scene(Hangs())
    async with here.front.connect(here.path, here.ticket()) as connection:
        assert await connection.recv() == b"hello"
        log_out(here)
        assert (await close_of(connection, LIMIT_S))[0] == 4403


@pytest.mark.parametrize("end", ["delete_token", "expire_token"])
async def test_a_token_that_ended_closes_its_console(scene: MakeScene, stage: Stage, end: str) -> None:
    here = scene(Hangs())
    digest = stage.ask("make_token", user=here.user, scope="operate")["digest"]
    async with here.front.connect(here.path, here.ticket(digest=digest)) as connection:
        assert await connection.recv() == b"hello"
        stage.ask(end, digest=digest)
        assert (await close_of(connection, LIMIT_S))[0] == 4403


async def test_a_kick_closes_within_2_seconds_and_only_that_console(scene: MakeScene) -> None:
    here, there = scene(Hangs()), scene(Hangs())
    async with here.open() as mine, there.open() as theirs:
        assert await mine.recv() == await theirs.recv() == b"hello"
        kick(there)
        started = time.monotonic()
        assert (await close_of(theirs))[0] == 4403
        assert time.monotonic() - started < 2
        await asyncio.wait_for(await mine.ping(), 2)
    rows = there.stage.ask("sessions", guest=there.guest)["rows"]
    assert [row["is_closed"] for row in rows] == [True]


async def test_an_open_console_says_that_it_is_there_and_what_it_carried(scene: MakeScene) -> None:
    here = scene(echo)
    async with here.open() as connection:
        await connection.send(b"x" * 1000)
        received = 0
        while received < 1000:
            received += len(await connection.recv())
        async with asyncio.timeout(10):
            while not (row := here.stage.ask("sessions", guest=here.guest)["rows"][0])["to_viewer_bytes"]:
                await asyncio.sleep(0.2)
        assert (row["to_viewer_bytes"], row["to_guest_bytes"], row["is_listed"]) == (1000, 1000, True)


async def test_a_viewer_who_only_watches_keeps_watching(scene: MakeScene) -> None:
    here = scene(Hangs())
    async with here.open(mode="view") as connection:
        assert await connection.recv() == b"hello"
        become_viewer(here)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(LIMIT_S):
                await connection.recv()


async def test_somebody_else_losing_the_right_changes_nothing(scene: MakeScene) -> None:
    here, there = scene(Hangs()), scene(Hangs())
    async with here.open() as mine, there.open() as theirs:
        assert await mine.recv() == await theirs.recv() == b"hello"
        log_out(there)
        assert (await close_of(theirs, LIMIT_S))[0] == 4403
        await asyncio.wait_for(await mine.ping(), 2)
