"""The whole flow in a browser that runs no script."""

import re

import pytest
from browser_site import (
    CAPTION,
    NO_PICTURE,
    Site,
    ask_for_four,
    cancel,
    expect_wrong_steps,
    picture,
    type_wrong_options,
    wait_for,
)
from playwright.sync_api import Page, expect

pytestmark = pytest.mark.browser

SECONDS_TO_LOOK_AGAIN = 2
PATIENCE = 1000 * (SECONDS_TO_LOOK_AGAIN + 5)


@pytest.fixture
def scripts() -> bool:
    return False


def send(page: Page, site: Site) -> None:
    page.goto(site.url)
    page.set_input_files("#image", picture())
    page.get_by_role("button", name="Make a lookalike").click()
    page.wait_for_url("**/jobs/*")


def look(page: Page, site: Site) -> None:
    """Rather than wait for the page to do so."""
    wait_for(page, lambda: all(job.is_finished for job in site.jobs))
    page.reload()
    expect(page.locator("img.result")).to_be_visible()


def test_a_picture_is_sent_and_its_page_looks_again_by_itself(page: Page, site: Site):
    site.gate.close()
    send(page, site)
    expect(page.locator(".progress-words")).to_contain_text("Step 0 of 4")
    expect(page).to_have_title("Painting – Lookalike")
    assert page.locator("meta[http-equiv=refresh]").count() == 1
    site.gate.open()
    expect(page.locator("img.result")).to_be_visible(timeout=PATIENCE)
    expect(page).to_have_title(f"✓ {CAPTION} – Lookalike")
    assert page.locator("meta[http-equiv=refresh]").count() == 0


def test_words_are_painted_again_and_both_jobs_are_in_the_strip(page: Page, site: Site):
    send(page, site)
    look(page, site)
    page.get_by_label("In words").fill("a green dog")
    page.click("text=Options")
    page.get_by_label("Keep this one's seed").check()
    page.get_by_role("button", name="Paint again").click()
    page.wait_for_url(lambda url: not url.endswith(site.jobs[0].id))
    look(page, site)
    expect(page.locator("img.result")).to_have_attribute("alt", "a green dog")
    expect(page.get_by_alt_text("Your picture").first).to_be_visible()
    expect(page.locator(".strip img")).to_have_count(2)
    first, second = (job.request for job in site.jobs)
    assert first
    assert second
    assert first.seed == second.seed


def test_four_images_are_all_shown_at_the_end(page: Page, site: Site):
    page.goto(site.url)
    ask_for_four(page)
    page.get_by_role("button", name="a red house by the sea").click()
    page.wait_for_url("**/jobs/*")
    look(page, site)
    expect(page.locator(".theirs .grid img")).to_have_count(4)
    assert page.locator("meta[http-equiv=refresh]").count() == 0


def test_one_is_deleted_and_then_all(page: Page, site: Site, told_errors: list[str]):
    told_errors.append("404")
    for _ in range(2):
        send(page, site)
        look(page, site)
    address = page.url
    page.get_by_role("button", name="Delete", exact=True).click()
    page.wait_for_url(f"{site.url}/")
    expect(page.locator(".strip img[alt='a picture of 40x30']")).to_have_count(1)
    page.get_by_role("button", name="Delete all").click()
    expect(page.get_by_text("Yours so far")).to_have_count(0)
    assert site.jobs == []
    gone = page.goto(address)
    assert gone
    assert gone.status == 404


def test_painting_is_cancelled(page: Page, site: Site):
    site.gate.close()
    send(page, site)
    page.get_by_label("In words").fill("a green dog")
    cancel(page, site)
    expect(page.get_by_label("In words")).to_have_value("a green dog")
    site.gate.open()
    page.get_by_role("button", name="Paint again").click()
    page.wait_for_url(re.compile(r"/jobs/\w+$"))  # from that of the button Cancel
    look(page, site)
    expect(page.locator("img.result")).to_have_attribute("alt", "a green dog")


def test_what_is_no_picture_brings_the_form_back_with_a_sentence(
    page: Page, site: Site, told_errors: list[str]
):
    told_errors.append("400")
    page.goto(site.url)
    page.set_input_files("#image", NO_PICTURE)
    page.get_by_role("button", name="Make a lookalike").click()
    expect(page.get_by_role("alert")).to_contain_text("save it as JPEG or PNG")
    expect(page.get_by_role("button", name="Make a lookalike")).to_be_visible()


def test_wrong_options_are_told_at_their_fields_and_stay(
    page: Page, site: Site, told_errors: list[str]
):
    told_errors.append("400")
    page.goto(site.url)
    type_wrong_options(page)
    page.set_input_files("#image", picture())
    page.get_by_role("button", name="Make a lookalike").click()
    expect_wrong_steps(page)
    expect(page.locator("[name=guidance_scale]")).to_have_attribute("aria-invalid", "true")
