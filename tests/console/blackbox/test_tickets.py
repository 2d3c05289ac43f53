"""Who is let in: the ticket, the login behind it, and the page it is used from."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from uuid import uuid4

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus

from tests.console.blackbox.stage import FrontEnd, Scene, Stage, close_of
from tests.console.blackbox.stub_guests import Hangs, echo

MakeScene = Callable[..., Scene]


async def test_a_good_ticket_opens_the_guest(scene: MakeScene) -> None:
    here = scene(echo)
    async with here.open() as connection:
        assert connection.subprotocol == "binary"
        await connection.send(b"hello")
        assert await connection.recv() == b"hello"


async def test_the_opening_and_the_closing_are_in_the_audit_trail(scene: MakeScene, stage: Stage) -> None:
    here = scene(echo)
    async with here.open() as connection:
        await connection.send(b"x")
        await connection.recv()
    for _ in range(50):
        entries = stage.ask("audit", guest=here.guest)["entries"]
        if len(entries) == 3:
            break
        await asyncio.sleep(0.05)
    assert entries == [["console.open", "done"], ["console.connect", "done"], ["console.disconnect", "done"]]
    assert [row["is_closed"] for row in stage.ask("sessions", guest=here.guest)["rows"]] == [True]


async def test_a_ticket_works_once(scene: MakeScene) -> None:
    here = scene(echo)
    ticket = here.ticket()
    async with here.front.connect(here.path, ticket, cookie=here.cookie) as first:
        await first.send(b"x")
        assert await first.recv() == b"x"
        async with here.front.connect(here.path, ticket, cookie=here.cookie) as second:
            assert (await close_of(second))[0] == 4401


async def test_of_two_who_redeem_at_once_exactly_one_wins(scene: MakeScene) -> None:
    here = scene(Hangs())
    rounds = 100

    async def redeem(ticket: str) -> bool:
        async with here.front.connect(here.path, ticket, cookie=here.cookie) as connection:
            with suppress(ConnectionClosed):
                return await connection.recv() == b"hello"
            return connection.close_code != 4401

    tickets = [here.ticket() for _ in range(rounds)]
    limit = asyncio.Semaphore(60)

    async def pair(ticket: str) -> int:
        async with limit:
            return sum(await asyncio.gather(redeem(ticket), redeem(ticket)))

    assert await asyncio.gather(*(pair(ticket) for ticket in tickets)) == [1] * rounds


async def test_an_expired_ticket_is_refused_with_a_reason(scene: MakeScene, stage: Stage) -> None:
    here = scene(echo)
    ticket = here.ticket()
    stage.ask("expire", ticket=ticket)
    async with here.front.connect(here.path, ticket, cookie=here.cookie) as connection:
        code, reason = await close_of(connection)
    assert code == 4401
    assert "expired" in reason


@pytest.mark.parametrize("ticket", [None, "", "x" * 43])
async def test_without_a_ticket_of_ours_nobody_gets_in(scene: MakeScene, ticket: str | None) -> None:
    here = scene(echo)
    async with here.front.connect(here.path, ticket, cookie=here.cookie) as connection:
        assert (await close_of(connection))[0] == 4401


async def test_a_ticket_opens_no_other_guest_and_no_other_kind(scene: MakeScene) -> None:
    here, there = scene(echo), scene(echo)
    for path in (there.path, here.path.replace("vnc", "serial"), f"/ws/console/vnc/{uuid4()}/", "/ws/console/vnc/nonsense/"):
        async with here.front.connect(path, here.ticket(), cookie=here.cookie) as connection:
            assert (await close_of(connection))[0] == 4401


async def test_parameters_in_the_address_change_nothing(scene: MakeScene) -> None:
    here, there = scene(echo), scene(Hangs())
    async with here.front.connect(f"{here.path}?token={there.uuid}&guest={there.guest}", here.ticket(), cookie=here.cookie) as connection:
        await connection.send(b"still me")
        assert await connection.recv() == b"still me"


@pytest.mark.parametrize(
    "origin", [None, "http://evil.example", "null", "https://127.0.0.1:{port}", "http://127.0.0.1", "http://127.0.0.1:{port}.evil.example"]
)
async def test_another_origin_is_refused_and_keeps_the_ticket(scene: MakeScene, front: FrontEnd, origin: str | None, stage: Stage) -> None:
    here = scene(echo)
    ticket = here.ticket()
    origin = origin.format(port=stage.web_port) if origin else origin
    with pytest.raises(InvalidStatus) as refused:
        async with here.front.connect(here.path, ticket, cookie=here.cookie, origin=origin):
            pass
    assert refused.value.response.status_code == 403
    async with here.front.connect(here.path, ticket, cookie=here.cookie) as connection:
        await connection.send(b"x")
        assert await connection.recv() == b"x"


async def test_a_ticket_in_the_hands_of_another_login_is_refused(scene: MakeScene, stage: Stage) -> None:
    here = scene(echo)
    other_login = stage.ask("log_in", user=here.user)["session_key"]
    async with here.front.connect(here.path, here.ticket(), cookie=f"{stage.cookie_name}={other_login}") as connection:
        assert (await close_of(connection))[0] == 4401


async def test_a_ticket_of_an_api_token_needs_no_cookie(scene: MakeScene, stage: Stage) -> None:
    here = scene(echo)
    digest = stage.ask("make_token", user=here.user, scope="operate")["digest"]
    for cookie in ("", here.cookie):
        async with here.front.connect(here.path, here.ticket(digest=digest), cookie=cookie) as connection:
            await connection.send(b"x")
            assert await connection.recv() == b"x"


async def test_a_right_lost_between_asking_and_opening_counts(scene: MakeScene, stage: Stage) -> None:
    here = scene(echo)
    ticket = here.ticket()
    stage.ask("set_role", user=here.user, role="viewer")
    async with here.front.connect(here.path, ticket, cookie=here.cookie) as connection:
        assert (await close_of(connection))[0] == 4403
