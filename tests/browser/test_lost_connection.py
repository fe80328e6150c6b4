"""The line to the server falls silent, or dies."""

import pytest
from browser_site import CAPTION, STOPPED, Site, picture, start
from playwright.sync_api import Page, expect

import webapp.jobs

pytestmark = pytest.mark.browser

LOST = "The connection to the server is lost."


def test_a_silent_line_is_said_within_five_seconds_until_the_server_speaks(
    page: Page, site: Site, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(webapp.jobs, "HEARTBEAT_SECONDS", 60)
    site.gate.close()
    page.clock.install()
    start(page, site)
    expect(page.get_by_label("In words")).to_have_value(CAPTION)
    alert = page.get_by_role("alert")
    page.clock.run_for(3000)
    expect(alert).to_be_hidden()
    page.clock.run_for(2000)
    expect(alert).to_contain_text(LOST)
    site.gate.let(1)
    expect(alert).to_be_hidden()
    site.gate.open()
    expect(page.locator("img.result")).to_be_visible()


def test_a_line_that_is_merely_quiet_is_not_called_lost(
    page: Page, site: Site, monkeypatch: pytest.MonkeyPatch
):
    """The server's heartbeat is heard in time; the test's clocks run ten times as fast."""
    assert webapp.jobs.HEARTBEAT_SECONDS <= 2
    monkeypatch.setattr(webapp.jobs, "HEARTBEAT_SECONDS", 0.2)
    site.gate.close()
    page.clock.install()
    start(page, site)
    for _ in range(4):
        page.clock.run_for(2000)
        page.wait_for_timeout(300)
        expect(page.get_by_role("alert")).to_be_hidden()
    site.gate.open()
    expect(page.locator("img.result")).to_be_visible()


def test_a_server_that_dies_is_said_and_the_page_goes_on_when_it_is_back(
    page: Page, site: Site, told_errors: list[str]
):
    told_errors += STOPPED
    site.gate.close()
    page.clock.install()
    start(page, site)
    expect(page.locator(".progress-words")).to_contain_text("Step 0 of 4")
    page.get_by_label("In words").fill("a green dog")
    site.stop()
    alert = page.get_by_role("alert")
    page.clock.run_for(5000)
    expect(alert).to_contain_text(LOST)
    site.start()
    expect(alert).to_be_hidden(timeout=9000)
    site.gate.open()
    expect(page.locator("img.result")).to_be_visible()
    expect(page.get_by_label("In words")).to_have_value("a green dog")


def test_a_server_that_dies_between_four_images_is_said_and_the_rest_comes_when_it_is_back(
    page: Page, site: Site, told_errors: list[str]
):
    told_errors += STOPPED
    page.clock.install()
    page.goto(site.url)
    page.click("text=Options")
    page.get_by_role("group", name="How many").get_by_text("4", exact=True).click()
    site.captions.close()
    page.set_input_files("#image", picture())
    page.wait_for_url("**/jobs/*")
    site.gate.close()
    site.jobs[0].cancel()  # its own job has ended, the others go on
    expect(page.locator(".theirs .blank").first).to_have_text("Cancelled")
    site.stop()
    page.clock.run_for(2000)
    expect(page.get_by_role("alert")).to_contain_text(LOST)
    site.start()
    page.clock.run_for(2000)
    expect(page.get_by_role("alert")).to_be_hidden()
    site.captions.open()
    site.gate.open()
    expect(page.locator(".theirs .grid img")).to_have_count(3)
