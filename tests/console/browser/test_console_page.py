"""The console page in a real Chromium, against the web process and guests made of Python."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Literal

import pytest
from playwright.async_api import Page, async_playwright

from tests.console.blackbox.stage import PROJECT, FrontEnd, Scene, Stage
from tests.console.blackbox.stub_guests import Hangs, VncServer, echo

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    stage = Stage(Path(tmp_path_factory.mktemp("console-page")), KVMWEB_DEBUG="true")
    yield stage
    stage.close()


@pytest.fixture(scope="module")
def web(stage: Stage) -> FrontEnd:
    return stage.start_web()


class Opened:
    """The console page of one scene, and what the browser complained about."""

    def __init__(self, page: Page, here: Scene) -> None:
        self.page = page
        self.here = here
        self.complaints: list[str] = []
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("console", lambda message: self.complaints.append(message.text) if message.type == "error" else None)

    async def go(self, query: str = "") -> None:
        host = f"127.0.0.1:{self.here.stage.web_port}"
        cookie = {"name": self.here.stage.cookie_name, "value": self.here.session_key, "url": f"http://{host}"}
        await self.page.context.add_cookies([cookie])  # type: ignore[list-item]
        await self.page.goto(f"http://{host}/guests/{self.here.guest}/console/{query}")

    async def becomes(self, state: str) -> None:
        await self.until("window.kvmwebConsole?.state", state)

    async def until(self, expression: str, wanted: object, within_s: float = 30.0) -> None:
        got = None
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(within_s):
                while (got := await self.page.evaluate(expression)) != wanted:
                    await asyncio.sleep(0.05)
        assert got == wanted, self.complaints


@pytest.fixture
async def page() -> AsyncIterator[Page]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        context = await browser.new_context()
        page = await context.new_page()
        await page.add_init_script(
            "addEventListener('securitypolicyviolation', (e) => console.error('CSP', e.violatedDirective, e.sourceFile))"
        )
        yield page
        await browser.close()


async def pressed(server: VncServer, count: int) -> list[int]:
    """The keysyms that were pressed, once there are `count` of them."""
    keysyms: list[int] = []
    for _ in range(300):
        keysyms = [int.from_bytes(body[3:], "big") for kind, body in server.seen if kind == 4 and body[0]]
        if len(keysyms) >= count:
            break
        await asyncio.sleep(0.05)
    return keysyms


def kinds(server: VncServer) -> list[int]:
    return [kind for kind, _ in server.seen]


async def test_the_screen_shows_the_guest_and_sends_keys(stage: Stage, web: FrontEnd, page: Page) -> None:
    server = VncServer()
    opened = Opened(page, Scene(stage, web, server))
    await opened.go()
    await opened.becomes("connected")
    await opened.until("window.kvmwebConsole.rfb._fbWidth", 64)
    pixel = "Array.from(document.querySelector('#display canvas').getContext('2d').getImageData(3, 3, 1, 1).data)"
    await opened.until(pixel, [0x10, 0x20, 0x30, 255])
    await page.click("#ctrl-alt-del")
    await page.keyboard.type("a")
    assert await pressed(server, 4) == [0xFFE3, 0xFFE9, 0xFFFF, ord("a")]
    assert opened.complaints == []


async def test_text_is_typed_with_the_right_keys(stage: Stage, web: FrontEnd, page: Page) -> None:
    server = VncServer()
    opened = Opened(page, Scene(stage, web, server))
    await opened.go()
    await opened.becomes("connected")
    await page.click("#paste")
    await page.fill("#paste-text", "aB~")
    await page.check("#paste-enter")
    await page.click("#paste-go")
    await page.wait_for_selector("#paste-dialog", state="hidden")
    shift, enter = 0xFFE1, 0xFF0D
    assert await pressed(server, 6) == [ord("a"), shift, ord("B"), shift, ord("~"), enter]
    assert opened.complaints == []


async def test_a_viewer_only_watches(stage: Stage, web: FrontEnd, page: Page) -> None:
    server = VncServer()
    opened = Opened(page, Scene(stage, web, server, role="viewer"))
    await opened.go()
    await opened.becomes("connected")
    assert await page.locator(".console-view-only").is_visible()
    assert await page.locator("#ctrl-alt-del, #paste").count() == 0
    await page.mouse.click(300, 300)
    await page.keyboard.type("x")
    await asyncio.sleep(0.3)
    assert set(kinds(server)) <= {0, 2, 3}
    assert opened.complaints == []


async def test_the_serial_line_echoes_searches_and_resizes(stage: Stage, web: FrontEnd, page: Page) -> None:
    opened = Opened(page, Scene(stage, web, echo, kind="serial"))
    await opened.go("?kind=serial")
    await opened.becomes("connected")
    await page.wait_for_selector("text=press Enter")
    await page.keyboard.type("hello hello")
    line = "window.kvmwebConsole.term.buffer.active.getLine(0).translateToString(true)"
    await opened.until(line, "hello hello")
    await opened.until("document.querySelector('#status').textContent", "Connected")
    await page.click("#search")
    await page.fill("#search-text", "hello")
    await opened.until("document.querySelector('#search-count').textContent.slice(-4)", "of 2")
    await page.click("#search-close")
    await page.click("#larger")
    await page.set_viewport_size({"width": 390, "height": 700})
    await opened.until(line, "hello hello")
    await opened.until("window.kvmwebConsole.term.cols < 60", True)
    assert opened.complaints == []


async def test_it_reconnects_with_a_new_ticket_and_says_why_it_lost_the_guest(stage: Stage, web: FrontEnd, page: Page) -> None:
    guest = Hangs()
    opened = Opened(page, Scene(stage, web, guest, kind="serial"))
    await opened.go("?kind=serial")
    await opened.becomes("connected")
    stage.broker.refuse(opened.here.uuid, "unreachable")
    guest.released.set()
    await opened.becomes("waiting")
    await page.wait_for_selector("text=host does not answer")
    stage.broker.plug(opened.here.uuid, echo)
    await opened.becomes("connected")
    assert await page.locator("#notice").is_hidden()


async def test_a_guest_that_stops_offers_to_start_it(stage: Stage, web: FrontEnd, page: Page) -> None:
    guest = Hangs()
    opened = Opened(page, Scene(stage, web, guest, kind="serial"))
    await opened.go("?kind=serial")
    await opened.becomes("connected")
    stage.broker.refuse(opened.here.uuid, "not_running")
    guest.released.set()
    await opened.becomes("stopped")
    stage.ask("set_state", guest=opened.here.guest, state="shutoff")
    await page.locator("#notice").get_by_role("button", name="Start").wait_for()
    assert "The guest is off" in await page.locator("#notice").inner_text()
    stage.broker.plug(opened.here.uuid, echo)
    stage.ask("set_state", guest=opened.here.guest, state="running")
    await opened.becomes("connected")


async def test_a_logout_elsewhere_says_so(stage: Stage, web: FrontEnd, page: Page) -> None:
    opened = Opened(page, Scene(stage, web, Hangs(), kind="serial"))
    await opened.go("?kind=serial")
    await opened.becomes("connected")
    stage.ask("log_out", session_key=opened.here.session_key)
    await opened.becomes("stopped")
    assert await page.locator("#notice").get_by_role("link", name="Log in").is_visible()


async def test_every_button_has_a_name_and_the_bar_hides(stage: Stage, web: FrontEnd, page: Page) -> None:
    opened = Opened(page, Scene(stage, web, VncServer()))
    await opened.go()
    await opened.becomes("connected")
    nameless = await page.evaluate(
        "[...document.querySelectorAll('button, a')].filter((e) => !(e.getAttribute('aria-label') || e.textContent.trim())).length"
    )
    assert nameless == 0
    await page.click("#hide-bar")
    assert await page.locator("#bar").is_hidden()
    await page.click("#show-bar")
    assert await page.locator("#bar").is_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_axe_finds_nothing(stage: Stage, web: FrontEnd, page: Page, scheme: Literal["light", "dark"]) -> None:
    axe = PROJECT / "node_modules" / "axe-core" / "axe.min.js"
    if not axe.exists():
        pytest.skip("axe-core is not installed: run script/assets")
    await page.emulate_media(color_scheme=scheme)
    for kind, guest, open_also in (("vnc", VncServer(), "#paste"), ("serial", Hangs(), "#search")):
        opened = Opened(page, Scene(stage, web, guest, kind=kind))
        await opened.go(f"?kind={kind}")
        await opened.becomes("connected")
        await page.click(open_also)
        await page.evaluate(axe.read_text())
        found = await page.evaluate("axe.run()")
        assert [(violation["id"], violation["nodes"][0]["html"]) for violation in found["violations"]] == []


async def test_a_stranger_gets_the_not_found_page(stage: Stage, web: FrontEnd, page: Page) -> None:
    here, there = Scene(stage, web, echo), Scene(stage, web, echo)
    opened = Opened(page, here)
    await opened.go()
    answer = await page.goto(f"http://127.0.0.1:{stage.web_port}/guests/{there.guest}/console/")
    assert answer is not None
    assert answer.status == 404
