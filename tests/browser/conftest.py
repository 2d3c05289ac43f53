"""Chromium against one running product with the demo's guests. KVMWEB_BROWSER_URL and _PASSWORD use one that runs already.

Every page is watched: a violation of the content security policy, an error on the console or a failed script fails its test.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, sync_playwright

from tests.real.product import PASSWORD, Product

CHROMIUM = shutil.which("chromium") or "/usr/bin/chromium"
FLAGS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-sync"]
TELL_VIOLATIONS = (
    "addEventListener('securitypolicyviolation', (e) => console.error(`CSP ${e.violatedDirective} ${e.blockedURI} ${e.sourceFile}`))"
)
TENANT_OWNER = ("anna", "demo demo demo")
SIZES = {"wide": (1440, 900), "narrow": (390, 844)}


@dataclass(frozen=True, slots=True)
class Site:
    url: str
    password: str


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    if running := os.environ.get("KVMWEB_BROWSER_URL"):
        yield Site(running.rstrip("/"), os.environ.get("KVMWEB_BROWSER_PASSWORD", PASSWORD))
        return
    if os.geteuid() != 0:
        pytest.skip("the product's test driver host needs the system's libvirtd, and that needs root")
    product = Product.start(tmp_path_factory.mktemp("browser"))
    try:
        product.manage("seed_demo")
        yield Site(product.url, PASSWORD)
    finally:
        product.clean_up()


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    if not Path(CHROMIUM).exists():
        pytest.skip("Chromium is not installed; script/test installs it")
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield running
        running.close()


@dataclass
class Window:
    """One person's browser window, and what its console complained about."""

    context: BrowserContext
    page: Page
    site: Site
    complaints: list[str] = field(default_factory=list)

    def go(self, path: str) -> Page:
        self.page.goto(self.site.url + path)
        return self.page

    def log_in(self, username: str, password: str) -> Window:
        page = self.go("/login/")
        page.get_by_label("User name").fill(username)
        page.get_by_label("Password").fill(password)
        page.get_by_role("button", name="Log in", exact=True).click()
        page.wait_for_url(self.site.url + "/")
        return self

    def theme(self, name: str) -> Window:
        self.context.add_cookies([{"name": "theme", "value": name, "url": self.site.url}])
        return self


OpenWindow = Callable[..., Window]


@pytest.fixture
def open_window(browser: Browser, site: Site) -> Iterator[OpenWindow]:
    """open_window(size="wide"): a new window of nobody's. After the test none may have complained."""
    windows: list[Window] = []

    def make(size: str = "wide") -> Window:
        width, height = SIZES[size]
        context = browser.new_context(viewport={"width": width, "height": height})
        context.set_default_timeout(20_000)
        window = Window(context, context.new_page(), site)
        window.page.add_init_script(TELL_VIOLATIONS)
        window.page.on("pageerror", lambda error: window.complaints.append(str(error)))
        window.page.on("console", lambda message: _note(window, message))
        windows.append(window)
        return window

    yield make
    for window in windows:
        window.context.close()
    assert [complaint for window in windows for complaint in window.complaints] == []


def _note(window: Window, message: ConsoleMessage) -> None:
    # Libvirt makes and removes interfaces for its guests; Chromium then drops what it was loading and tells nobody else.
    if message.type == "error" and "ERR_NETWORK_CHANGED" not in message.text:
        window.complaints.append(f"{message.text} at {message.location.get('url')}")


@pytest.fixture
def admin(open_window: OpenWindow, site: Site) -> Window:
    return open_window().log_in("admin", site.password)


@pytest.fixture
def tenant_owner(open_window: OpenWindow) -> Window:
    return open_window().log_in(*TENANT_OWNER)
