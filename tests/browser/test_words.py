"""The words: changed and painted again, with options."""

import pytest
from browser_site import (
    CAPTION,
    Site,
    ask_for_four,
    choose,
    expect_wrong_steps,
    hold,
    picture,
    presser,
    start,
    type_wrong_options,
    wait_for,
)
from playwright.sync_api import Locator, Page, expect

pytestmark = pytest.mark.browser


@pytest.fixture
def words(page: Page, site: Site) -> Locator:
    """The field of a lookalike that is done."""
    start(page, site)
    expect(page.locator("img.result")).to_be_visible()
    return page.get_by_label("In words")


def test_words_are_changed_and_painted_again_from_the_same_picture(
    page: Page, site: Site, words: Locator
):
    first = page.url
    original = page.get_by_alt_text("Your picture").first.get_attribute("width")
    words.fill("a green dog")
    page.get_by_role("button", name="Paint again").click()
    expect(page.locator("img.result")).to_have_attribute("alt", "a green dog")
    assert page.url != first
    expect(page.get_by_label("In words")).to_have_value("a green dog")
    assert page.get_by_alt_text("Your picture").first.get_attribute("width") == original
    expect(page.locator(".strip li")).to_have_count(2)
    before, after = (job.request for job in site.jobs)
    assert before
    assert after
    assert (before.prompt, after.prompt) == (CAPTION, "a green dog")
    assert before.seed != after.seed


def test_ctrl_and_enter_paint_again(page: Page, site: Site, words: Locator):
    words.fill("a green dog")
    words.press("Control+Enter")
    expect(page.locator("img.result")).to_have_attribute("alt", "a green dog")
    assert len(site.jobs) == 2


def test_the_seed_can_be_kept(page: Page, site: Site, words: Locator):
    page.click("text=Options")
    page.get_by_label("Keep this one's seed").check()
    words.fill("a green dog")
    page.get_by_role("button", name="Paint again").click()
    expect(page.locator("img.result")).to_have_attribute("alt", "a green dog")
    before, after = (job.request for job in site.jobs)
    assert before
    assert after
    assert before.seed == after.seed


def test_the_seed_can_be_kept_of_a_picture_whose_painting_was_watched(page: Page, site: Site):
    site.captions.close()
    start(page, site)
    page.click("text=Options")
    expect(page.get_by_label("Keep this one's seed")).to_be_hidden()
    site.captions.open()
    expect(page.locator("img.result")).to_be_visible()
    seed = site.jobs[0].request
    assert seed
    expect(page.get_by_label(f"Keep this one's seed, {seed.seed}")).to_be_visible()


def test_four_images_are_all_shown_at_the_end_and_their_seeds_count_up(
    page: Page, site: Site, words: Locator
):
    ask_for_four(page)
    words.fill("a green dog")
    page.get_by_role("button", name="Paint again").click()
    page.wait_for_url(lambda url: not url.endswith(site.jobs[0].id))
    pictures = page.locator(".theirs .grid img")
    expect(pictures).to_have_count(4)
    for number in range(4):
        is_painted = "image => image.decode().then(() => image.naturalWidth)"
        assert pictures.nth(number).evaluate(is_painted) == 64
    seeds = [job.request.seed for job in site.jobs[1:] if job.request]
    assert seeds == [seeds[0] + index for index in range(4)]
    expect(page.locator(".strip li")).to_have_count(5)


def test_four_images_come_one_by_one_and_lead_to_one_another(page: Page, site: Site):
    page.goto(site.url)
    ask_for_four(page)
    site.gate.close()
    page.set_input_files("#image", picture())
    page.wait_for_url("**/jobs/*")
    expect(page.locator(".theirs .grid li")).to_have_count(4)
    expect(page.locator(".theirs .grid img")).to_have_count(0)
    site.gate.open()
    expect(page.locator(".theirs .grid img")).to_have_count(4)
    page.locator(".theirs .grid a").nth(2).click()
    page.wait_for_url(f"**/jobs/{site.jobs[2].id}")
    expect(page.locator(".theirs .grid [aria-current]")).to_have_count(1)


def test_a_wrong_option_is_told_at_its_field_and_picture_and_options_stay(
    page: Page, site: Site, told_errors: list[str]
):
    told_errors.append("400")
    page.goto(site.url)
    type_wrong_options(page)
    page.get_by_label("Avoid").fill("fog")
    page.set_input_files("#image", picture())
    expect_wrong_steps(page)
    expect(page.locator("[name=guidance_scale]")).to_have_attribute("aria-invalid", "true")
    expect(page.locator("[name=seed]")).not_to_have_attribute("aria-invalid", "true")
    expect(page.get_by_role("alert")).to_contain_text("Steps must be a whole number")
    expect(page.get_by_label("Avoid")).to_have_value("fog")
    assert page.locator("#image").evaluate("input => input.files.length") == 1

    page.locator("[name=num_inference_steps]").fill("2")
    page.locator("[name=guidance_scale]").fill("7,5")
    page.get_by_role("button", name="Make a lookalike").click()
    expect(page.get_by_label("In words")).to_have_value(CAPTION)
    [request] = [job.request for job in site.jobs]
    assert request
    assert (request.num_inference_steps, request.guidance_scale) == (2, 7.5)
    assert request.negative_prompt == "fog"


def test_a_wrong_option_is_told_beside_the_words_too_and_goes_when_it_is_mended(
    page: Page, site: Site, words: Locator, told_errors: list[str]
):
    told_errors.append("400")
    page.click("text=Options")
    page.get_by_label("Steps").fill("many")
    words.fill("a green dog")
    words.press("Control+Enter")
    steps = page.locator("[name=num_inference_steps]")
    expect(steps).to_have_attribute("aria-invalid", "true")
    expect(words).to_have_value("a green dog")
    steps.fill("2")
    words.fill("")
    words.press("Control+Enter")
    expect(words).to_have_attribute("aria-invalid", "true")
    expect(steps).not_to_have_attribute("aria-invalid", "true")
    expect(page.get_by_role("alert")).to_contain_text("In words is empty")
    words.fill("a green dog")
    words.press("Control+Enter")
    expect(page.locator("img.result")).to_have_attribute("alt", "a green dog")


def test_three_presses_on_a_slow_line_paint_once(page: Page, site: Site, words: Locator):
    """Also while the next page is on its way."""
    held = hold(page, lambda request: request.method == "POST" or request.is_navigation_request())
    press = presser(page, page.get_by_role("button", name="Paint again"))
    for _ in range(3):
        press()
    wait_for(page, lambda: held)
    held.pop().continue_()
    wait_for(page, lambda: held)
    press()
    page.wait_for_timeout(100)
    assert [route.request.method for route in held] == ["GET"]
    held.pop().continue_()
    page.wait_for_url(lambda url: not url.endswith(site.jobs[0].id))
    assert len(site.jobs) == 2


def test_a_full_queue_is_told_and_the_words_stay(
    page: Page, site: Site, words: Locator, told_errors: list[str]
):
    told_errors.append("429")
    site.services.generator.max_jobs = 0
    words.fill("a green dog")
    words.press("Control+Enter")
    expect(page.get_by_role("alert")).to_contain_text("The queue is full: try again in")
    expect(words).to_have_value("a green dog")
    site.services.generator.max_jobs = 64
    page.get_by_role("button", name="Paint again").click()
    expect(page.locator("img.result")).to_have_attribute("alt", "a green dog")


def test_a_full_queue_is_told_for_a_picture_which_can_be_sent_again(
    page: Page, site: Site, told_errors: list[str]
):
    told_errors.append("429")
    site.services.generator.max_jobs = 0
    choose(page, site)
    expect(page.get_by_role("alert")).to_contain_text("The queue is full: try again in")
    site.services.generator.max_jobs = 64
    page.get_by_role("button", name="Make a lookalike").click()
    expect(page.get_by_label("In words")).to_have_value(CAPTION)
