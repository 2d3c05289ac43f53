"""The main job as a person does it: log in, create a guest, watch it start, read its screen, type on its serial line, delete it.

A real Chromium against the product started by `script/server`, on a real guest under QEMU.
"""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, expect, sync_playwright

from tests.real.product import PASSWORD, Product, wait_for
from tests.real.reading import screen_text

pytestmark = [pytest.mark.real, pytest.mark.browser, pytest.mark.timeout(240)]

CHROMIUM = shutil.which("chromium") or "/usr/bin/chromium"
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-sync"]
NETWORK_CHANGED = "ERR_NETWORK_CHANGED"
"""Chromium breaks off what it loads when a network interface of its own machine comes up, as a new guest's does."""

TERMINAL_TEXT = """(() => {
  const lines = kvmwebConsole.term.buffer.active;
  return [...Array(lines.length).keys()].map((n) => lines.getLine(n).translateToString(true)).join("\\n");
})()"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if not Path(CHROMIUM).exists():
        pytest.skip("Chromium is not installed; script/test installs it")
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield running
        running.close()


class Person:
    """A browser window, and what its console complained about."""

    def __init__(self, browser: Browser, product: Product) -> None:
        self.context = browser.new_context(viewport={"width": 1440, "height": 900})
        self.product = product
        self.complaints: list[str] = []
        self.page = self.open()

    def open(self) -> Page:
        page = self.context.new_page()
        page.add_init_script(
            "addEventListener('securitypolicyviolation', (e) => console.error('CSP: ' + e.violatedDirective + e.blockedURI))"
        )
        page.on("pageerror", self._failed)
        page.on("console", self._heard)
        return page

    def _failed(self, error: Exception) -> None:
        # The other half of NETWORK_CHANGED. A module that is really missing keeps the console from connecting, which fails the test.
        if "dynamically imported module" not in str(error):
            self.complaints.append(str(error))

    def _heard(self, message: ConsoleMessage) -> None:
        if message.type == "error" and NETWORK_CHANGED not in message.text:
            self.complaints.append(message.text)

    def log_in(self) -> None:
        self.page.goto(self.product.url)
        self.page.get_by_label("User name").fill("admin")
        self.page.get_by_label("Password").fill(PASSWORD)
        self.page.get_by_role("button", name="Log in", exact=True).click()
        expect(self.page).to_have_title("Overview · kvmweb")


@pytest.fixture
def person(browser: Browser, product: Product) -> Iterator[Person]:
    someone = Person(browser, product)
    someone.log_in()
    yield someone
    someone.context.close()
    assert someone.complaints == []


def domain_names() -> list[str]:
    return subprocess.run(["virsh", "-q", "-c", "qemu:///system", "list", "--all", "--name"], capture_output=True, text=True).stdout.split()


def files_of(name: str) -> list[Path]:
    return list(Path("/var/lib/libvirt/images").glob(f"{name}-*"))


def test_create_watch_read_type_and_delete(person: Person, product: Product) -> None:
    page = person.page
    page.get_by_role("link", name="New VM").click()
    page.get_by_label("Name", exact=True).fill("story")
    page.get_by_role("button", name="Create", exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("story")
    expect(page.locator("h1 [data-field=state]")).to_have_text("running", timeout=20_000)
    assert [name for name in domain_names() if name.startswith("story-")]

    _read_the_screen(person)
    _type_on_the_serial_line(person)
    _see_a_change_made_outside(person)
    _delete(person)


def _console(person: Person, kind: str) -> Page:
    console = person.open()
    console.goto(f"{person.page.url.split('?')[0]}console/?kind={kind}")
    end = time.monotonic() + 40
    while console.evaluate("window.kvmwebConsole?.state") != "connected":
        assert time.monotonic() < end, f"the console did not connect: {person.complaints}"
        console.wait_for_timeout(300)
        if console.evaluate("!window.kvmwebConsole && performance.now() > 5000"):
            console.reload()  # see NETWORK_CHANGED: a script of the page did not arrive
    return console


def _read_the_screen(person: Person) -> None:
    console = _console(person, "vnc")
    _wait_for_text(console, "guest ready", timeout_s=90)
    # The keyboard goes the whole way too: noVNC, relay, QEMU, the guest's shell, and back as pixels.
    console.locator("#display canvas").click()
    # Nothing with Shift: Playwright types such letters without pressing Shift, and QEMU takes keys, not letters.
    console.keyboard.type("seq 1041 1043")
    console.keyboard.press("Enter")
    _wait_for_text(console, "1042", timeout_s=30)
    console.close()


def _wait_for_text(console: Page, wanted: str, *, timeout_s: float) -> None:
    end = time.monotonic() + timeout_s
    while wanted.replace(" ", "") not in (seen := screen_text(console)).replace(" ", ""):
        assert time.monotonic() < end, f"{wanted!r} did not show within {timeout_s:g} s; the screen says:\n{seen}"
        console.wait_for_timeout(500)


def _type_on_the_serial_line(person: Person) -> None:
    console = _console(person, "serial")
    console.locator("#display").click()
    console.keyboard.type("echo serial-$((6*7))")
    console.keyboard.press("Enter")
    wait_for("the answer on the serial line", lambda: "serial-42" in console.evaluate(TERMINAL_TEXT), timeout_s=20)
    console.close()


def _see_a_change_made_outside(person: Person) -> None:
    """virsh suspend and resume show in the open page, without a reload."""
    domain = next(name for name in domain_names() if name.startswith("story-"))
    state = person.page.locator("h1 [data-field=state]")
    person.page.evaluate("window.notReloaded = true")
    for action, word in (("suspend", "paused"), ("resume", "running")):
        subprocess.run(["virsh", "-q", "-c", "qemu:///system", action, domain], check=True, capture_output=True)
        expect(state).to_have_text(word, timeout=2_000)
    assert person.page.evaluate("window.notReloaded")


def _delete(person: Person) -> None:
    page = person.page
    page.get_by_role("button", name="More actions").click()
    page.get_by_role("menuitem", name="Delete").click()
    page.get_by_label("Type story to confirm").fill("story")
    page.get_by_role("button", name="Delete", exact=True).click()
    expect(page).to_have_url(f"{person.product.url}/guests/", timeout=20_000)
    expect(page.get_by_role("link", name="story", exact=True)).to_have_count(0, timeout=20_000)
    wait_for("no domain left", lambda: not [name for name in domain_names() if name.startswith("story-")], timeout_s=10)
    assert files_of("story") == []
