"""The line to the server falls silent, or dies."""

import pytest
from browser_site import CAPTION, STOPPED, Site, ask_for_four, picture, start, wait_for
from playwright.sync_api import Page, expect

import webapp.jobs
from generator.request import GenerationRequest

pytestmark = pytest.mark.browser

SIZE_OF = "image => image.decode().then(() => [image.naturalWidth, image.naturalHeight])"
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
    expect(page.get_by_role("banner")).to_contain_text("No answer")
    site.start()
    expect(alert).to_be_hidden(timeout=9000)
    site.gate.open()
    expect(page.locator("img.result")).to_be_visible()
    expect(page.get_by_label("In words")).to_have_value("a green dog")


def start_anew(site: Site, page: Page) -> None:
    """The server dies, its jobs with it, and another takes its place."""
    site.stop()
    page.wait_for_timeout(100)
    for job in site.jobs:
        site.services.jobs.delete(job.id)
    site.start()


def request_of(site: Site) -> GenerationRequest:
    """Of the newest job."""
    request = site.jobs[-1].request
    assert request
    return request


@pytest.mark.parametrize("reloads", [False, True], ids=["stays", "is reloaded"])
def test_after_a_restart_the_page_offers_to_send_its_picture_again(
    page: Page, site: Site, told_errors: list[str], reloads: bool
):
    told_errors += [*STOPPED, "404"]
    site.gate.close()
    start(page, site)
    expect(page.locator(".progress-words")).to_contain_text("Step 0 of 4")
    page.get_by_label("In words").fill("a green dog")
    page.click("text=Options")
    page.get_by_label("Steps").fill("3")
    old = page.url
    start_anew(site, page)
    if reloads:
        page.reload()
    site.gate.open()
    button = page.get_by_role("button", name="Send it again")
    button.click(timeout=9000)
    expect(page.locator("img.result")).to_have_attribute("alt", "a green dog")
    assert page.url != old
    assert request_of(site).num_inference_steps == 3
    assert page.get_by_alt_text("Your picture").first.evaluate(SIZE_OF) == [40, 30]


def test_words_that_meet_a_new_server_are_sent_with_their_picture(
    page: Page, site: Site, told_errors: list[str]
):
    told_errors += [*STOPPED, "404"]
    start(page, site)
    expect(page.locator("img.result")).to_be_visible()
    seed = request_of(site).seed
    start_anew(site, page)
    page.get_by_label("In words").fill("a blue cat")
    page.click("text=Options")
    page.get_by_label("Keep this one's seed").check()
    page.get_by_role("button", name="Paint again").click()
    page.get_by_role("button", name="Send it again").click()
    expect(page.locator("img.result")).to_have_attribute("alt", "a blue cat")
    assert request_of(site).seed == seed


def test_what_the_tab_kept_is_gone_once_all_is_well(page: Page, site: Site, told_errors: list[str]):
    told_errors += [*STOPPED, "404"]
    site.gate.close()
    start(page, site)
    start_anew(site, page)
    wait_for(page, lambda: page.evaluate("sessionStorage.length"))
    page.get_by_role("button", name="Send it again").click(timeout=9000)
    wait_for(page, lambda: [job for job in site.jobs if page.url.endswith(job.id)])
    wait_for(page, lambda: not page.evaluate("sessionStorage.length"))
    site.gate.open()


def test_a_server_that_dies_between_four_images_is_said_and_the_rest_comes_when_it_is_back(
    page: Page, site: Site, told_errors: list[str]
):
    told_errors += STOPPED
    page.clock.install()
    page.goto(site.url)
    ask_for_four(page)
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
