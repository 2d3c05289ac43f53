"""static/js/live.js in Chromium against a socket the test plays: snapshots, versions, reconnecting, states."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, WebSocketRoute, sync_playwright

pytestmark = [pytest.mark.browser, pytest.mark.skipif(not shutil.which("chromium"), reason="Chromium is not installed")]

LIVE_JS = Path(__file__).parents[2] / "static/js/live.js"
PAGE = """<!doctype html><title>live</title><script type="module">
import { live } from "/live.js";
window.live = live;
window.seen = [];
const note = (type) => (...args) => window.seen.push([type, ...args]);
live.addEventListener("state", (event) => window.seen.push(["state", event.detail.state]));
const handlers = Object.fromEntries(["snapshot", "changed", "removed", "refused"].map((type) => [type, note(type)]));
window.stop = live.subscribe("guests", handlers);
</script>"""


class Server:
    """Plays the product: keeps each connection and what the page sent."""

    def __init__(self) -> None:
        self.sockets: list[WebSocketRoute] = []
        self.sent: list[Any] = []
        self.refuse = False

    def open(self, socket: WebSocketRoute) -> None:
        self.sockets.append(socket)
        socket.on_message(lambda text: self.sent.append(json.loads(text)))
        if self.refuse:
            socket.close(code=1011)

    def say(self, **message: Any) -> None:
        self.sockets[-1].send(json.dumps(message))


@pytest.fixture
def server() -> Server:
    return Server()


@pytest.fixture
def page(server: Server) -> Iterator[Page]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        page = browser.new_page()
        page.route("http://live.test/", lambda route: route.fulfill(content_type="text/html", body=PAGE))
        page.route("http://live.test/live.js", lambda route: route.fulfill(content_type="text/javascript", body=LIVE_JS.read_text()))
        page.route_web_socket(re.compile("/ws/live/"), server.open)
        page.goto("http://live.test/")
        until(page, lambda: server.sent)
        yield page
        browser.close()


def until(page: Page, check: Any, *, within_ms: int = 5000) -> None:
    for _ in range(within_ms // 20):
        if check():
            return
        page.wait_for_timeout(20)
    raise AssertionError(f"did not happen: {seen(page)}")


def seen(page: Page) -> list[Any]:
    return list(page.evaluate("window.seen"))


def row(version: int, **fields: Any) -> dict[str, Any]:
    return {"id": "a", "version": version, **fields}


def test_a_snapshot_makes_the_page_live_and_changes_follow(page, server):
    assert server.sent == [{"subscribe": ["guests"]}]
    server.say(topic="guests", type="snapshot", version=0, data={"results": [row(3)]})
    server.say(topic="guests", type="changed", version=4, data=row(4, state="paused"))
    until(page, lambda: len(seen(page)) == 3)
    assert [entry[0] for entry in seen(page)] == ["state", "snapshot", "changed"]
    assert seen(page)[2] == ["changed", row(4, state="paused"), 4]


def test_an_older_change_is_dropped_and_one_of_the_same_version_is_not(page, server):
    server.say(topic="guests", type="snapshot", version=0, data={"results": [row(3)]})
    for version, state in ((2, "old"), (3, "same"), (9, "new"), (8, "late")):
        server.say(topic="guests", type="changed", version=version, data=row(version, state=state))
    server.say(topic="guests", type="removed", version=9, data={"id": "a"})
    until(page, lambda: seen(page)[-1][0] == "removed")
    assert [entry[1]["state"] for entry in seen(page) if entry[0] == "changed"] == ["same", "new"]


def test_a_dropped_socket_is_shown_made_again_and_gets_a_fresh_snapshot(page, server):
    server.say(topic="guests", type="snapshot", version=0, data={"results": [row(9)]})
    server.sockets[-1].close(code=1012)
    until(page, lambda: len(server.sockets) == 2 and len(server.sent) == 2)
    assert ["state", "reconnecting"] in seen(page)
    # The row's version may be lower now: a restored database. The snapshot is the truth.
    server.say(topic="guests", type="snapshot", version=0, data={"results": [row(2)]})
    server.say(topic="guests", type="changed", version=3, data=row(3))
    until(page, lambda: seen(page)[-1][0] == "changed")
    assert [entry[1] for entry in seen(page) if entry[0] == "state"] == ["live", "reconnecting", "live"]


def test_it_waits_longer_each_time_and_comes_at_once_when_the_network_is_back(page, server):
    server.say(topic="guests", type="snapshot", version=0, data={"results": []})
    server.refuse = True
    server.sockets[-1].close(code=1006)
    page.wait_for_timeout(4000)
    tries = len(server.sockets)
    assert 3 <= tries <= 8
    server.refuse = False
    page.evaluate("window.dispatchEvent(new Event('online'))")
    until(page, lambda: len(server.sockets) == tries + 1, within_ms=500)


def test_a_login_that_ended_is_tried_once_more_and_then_believed(page, server):
    server.say(topic="guests", type="snapshot", version=0, data={"results": []})
    server.sockets[-1].close(code=4401, reason="You were logged out. Log in again.")
    until(page, lambda: len(server.sockets) == 2, within_ms=1000)
    server.sockets[-1].close(code=4401, reason="You are not logged in. Log in again.")
    until(page, lambda: ["state", "signed-out"] in seen(page))
    page.wait_for_timeout(1500)
    assert len(server.sockets) == 2


def test_a_stalled_server_is_told_and_a_refused_topic_is_told_too(page, server):
    server.say(type="stalled")
    server.say(topic="guests", type="refused")
    until(page, lambda: seen(page)[-1] == ["refused"])
    server.say(type="flowing")
    server.say(topic="guests", type="snapshot", version=0, data={"results": []})
    until(page, lambda: seen(page)[-1][0] == "snapshot")
    assert [entry[1] for entry in seen(page) if entry[0] == "state"] == ["stalled", "live"]


def test_one_subscriber_s_mistake_does_not_keep_the_change_from_another(page, server):
    page.evaluate("void live.subscribe('guests', { changed() { throw new Error('mine') } })")
    page.evaluate("void live.subscribe('guests', { changed: (row) => window.seen.push(['second', row.id]) })")
    server.say(topic="guests", type="changed", version=1, data=row(1))
    until(page, lambda: ["second", "a"] in seen(page))


def test_the_last_unsubscribe_is_sent(page, server):
    page.evaluate("window.stop()")
    until(page, lambda: server.sent[-1] == {"unsubscribe": ["guests"]})


def test_a_connection_that_answers_no_ping_is_given_up(page, server):
    page.clock.install()
    page.reload()
    until(page, lambda: len(server.sockets) == 2)
    server.say(topic="guests", type="snapshot", version=0, data={"results": []})
    page.clock.run_for(10_500)
    until(page, lambda: {"ping": True} in server.sent)
    page.clock.run_for(5_500)
    until(page, lambda: ["state", "reconnecting"] in seen(page))
    page.clock.run_for(1_000)
    until(page, lambda: len(server.sockets) == 3)
