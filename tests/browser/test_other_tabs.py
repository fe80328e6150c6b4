"""Tabs that nobody looks at, and a proxy that answers for a server that is away."""

import pytest
from browser_site import CAPTION, STOPPED, Site, start, wait_for
from playwright.sync_api import Page, Route, expect

from webapp.services import MAX_STREAMS

pytestmark = pytest.mark.browser

HIDE = """isHidden => {
    Object.defineProperty(document, "hidden", {value: isHidden, configurable: true});
    document.dispatchEvent(new Event("visibilitychange"));
}"""


def streams(site: Site) -> int:
    """How many pages follow a job."""
    return MAX_STREAMS - site.services.streams._value


def test_a_tab_that_nobody_sees_holds_no_connection_and_learns_of_the_end(page: Page, site: Site):
    """A browser has six for all of its tabs: six that paint would stop all others."""
    site.gate.close()
    start(page, site)
    expect(page.locator(".progress-words")).to_contain_text("Step 0 of 4")
    assert streams(site) == 1
    page.evaluate(HIDE, True)
    wait_for(page, lambda: streams(site) == 0)
    site.gate.let(1)
    page.evaluate(HIDE, False)
    wait_for(page, lambda: streams(site) == 1)
    expect(page.locator(".progress-words")).to_contain_text("Step 1 of 4")
    page.evaluate(HIDE, True)
    wait_for(page, lambda: streams(site) == 0)
    site.gate.open()
    expect(page).to_have_title(f"✓ {CAPTION} – Lookalike", timeout=9000)


def test_a_proxy_that_answers_for_a_server_that_is_away_costs_no_words(
    page: Page, site: Site, told_errors: list[str]
):
    told_errors += [*STOPPED, "502"]
    site.gate.close()
    start(page, site)
    expect(page.locator(".progress-words")).to_contain_text("Step 0 of 4")
    page.get_by_label("In words").fill("a green dog")

    def bad_gateway(route: Route) -> None:
        route.fulfill(status=502, body="<h1>502 Bad Gateway</h1>")

    page.route("**/jobs/**", bad_gateway)
    page.evaluate(HIDE, True)  # has it look at the page itself
    expect(page.get_by_role("alert")).to_contain_text("The connection to the server is lost.")
    page.unroute("**/jobs/**", bad_gateway)
    page.evaluate(HIDE, False)
    expect(page.get_by_role("alert")).to_be_hidden(timeout=9000)
    site.gate.open()
    expect(page.locator("img.result")).to_be_visible()
    expect(page.get_by_label("In words")).to_have_value("a green dog")
