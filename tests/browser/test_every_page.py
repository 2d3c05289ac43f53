"""Every page, in both themes and two widths: nothing on the console, nothing serious for axe, nothing wider than the window."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.browser.conftest import OpenWindow, Site, Window
from tests.browser.places import FIXED, TENANT_HAS, places

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]

AXE = Path(__file__).parents[2] / "node_modules/axe-core/axe.min.js"
RUN_AXE = """async () => {
  const found = await axe.run(document, { runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"] });
  return found.violations.filter((v) => ["serious", "critical"].includes(v.impact))
    .map((v) => `${v.id}: ${v.nodes.slice(0, 3).map((n) => n.target.join(" ") + " " + (n.any[0]?.message ?? "")).join("; ")}`);
}"""
WIDER = "() => document.documentElement.scrollWidth > innerWidth + 1"
THEMES = ("dark", "light")


def serious(window: Window) -> list[str]:
    """What axe calls serious or critical on the page shown. Its text runs through the debugger, which the page's policy does not bind."""
    if not AXE.exists():
        pytest.skip("axe-core is not there: run npm ci")
    window.page.evaluate(AXE.read_text() + ";0")
    return list(window.page.evaluate(RUN_AXE))


@pytest.mark.parametrize("theme", THEMES)
def test_no_page_complains(admin: Window, theme: str) -> None:
    admin.theme(theme)
    problems = {}
    for name, path in places(admin.page).items():
        admin.go(path)
        admin.page.wait_for_timeout(150)
        found = list(admin.complaints)
        # Swagger's page is not ours to mend; its complaints about the policy would be.
        found += serious(admin) if name != "api-reference" else []
        if found:
            problems[name] = found
        # axe itself tries to add a style, which the policy refuses.
        admin.complaints.clear()
    assert not problems, "\n".join(f"{name}: {line}" for name, lines in problems.items() for line in lines)


@pytest.mark.parametrize("theme", THEMES)
def test_the_login_page_does_not_complain(open_window: OpenWindow, theme: str) -> None:
    window = open_window().theme(theme)
    window.go("/login/")
    assert serious(window) == []


def test_every_page_fits_a_phone(open_window: OpenWindow, site: Site) -> None:
    window = open_window("narrow").log_in("admin", site.password)
    wider = []
    for name, path in places(window.page).items():
        if not name.startswith(("admin", "api")):
            window.go(path)
            window.page.wait_for_timeout(100)
            if window.page.evaluate(WIDER):
                wider.append(name)
    assert wider == []


def test_a_tenant_sees_a_tenants_product(tenant_owner: Window) -> None:
    for name in TENANT_HAS:
        page = tenant_owner.go(FIXED[name])
        page.wait_for_timeout(150)
        assert serious(tenant_owner) == [], name
        assert page.get_by_role("link", name="Hosts", exact=True).count() == 0, name
        assert page.locator("a[href^='/hosts/']").count() == 0, name


def test_pages_of_errors_are_ours(admin: Window) -> None:
    page = admin.go("/guests/00000000-0000-0000-0000-000000000000/")
    assert page.get_by_role("heading", level=1).inner_text() == "Not found"
    assert serious(admin) == []
    # The browser itself notes the 404 of the page.
    admin.complaints.clear()
