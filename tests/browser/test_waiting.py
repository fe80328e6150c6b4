"""While a lookalike is painted, and when it is done."""

import re

import pytest
from browser_site import CAPTION, Site, cancel, picture, start
from PIL import Image
from playwright.sync_api import BrowserContext, Page, expect

pytestmark = pytest.mark.browser

# What the live region says from now on, in window.said.
LISTEN = """() => {
    window.said = [];
    const region = document.querySelector("[role=status]");
    new MutationObserver(() => said.push(region.textContent))
        .observe(region, {childList: true, characterData: true, subtree: true});
}"""


def test_progress_is_told_step_by_step_and_in_the_title_without_a_reload(page: Page, site: Site):
    site.gate.close()
    start(page, site)
    page.evaluate("window.isSameDocument = true")
    for step in (1, 2, 3):
        site.gate.let(1)
        expect(page.locator(".progress-words")).to_have_text(
            re.compile(rf"Step {step} of 4, about \d+ s left")
        )
        expect(page).to_have_title(f"{25 * step} % – Lookalike")
        bar = page.get_by_role("progressbar", name="Progress of the painting")
        assert bar.evaluate("bar => [bar.value, bar.max]") == [step, 4]
    site.gate.let(1)
    expect(page.locator("img.result")).to_be_visible()
    expect(page).to_have_title(f"✓ {CAPTION} – Lookalike")
    assert page.evaluate("window.isSameDocument")


def test_what_comes_before_the_painting_is_told(page: Page, site: Site):
    site.captions.close()
    site.gate.close()
    start(page, site)
    expect(page.locator(".progress-words")).to_have_text("Looking at your picture…")
    expect(page.get_by_label("In words")).to_have_value("")
    site.captions.open()
    expect(page.get_by_label("In words")).to_have_value(CAPTION)
    expect(page.locator(".progress-words")).to_have_text("Step 0 of 4")


def test_the_live_region_speaks_at_quarters_only(page: Page, site: Site):
    site.gate.close()
    page.goto(site.url)
    page.click("text=Options")
    page.get_by_label("Steps").fill("12")
    page.set_input_files("#image", picture())
    page.wait_for_url("**/jobs/*")
    page.evaluate(LISTEN)
    for step in range(1, 12):
        site.gate.let(1)
        expect(page.locator(".progress-words")).to_contain_text(f"Step {step} of 12")
    assert page.evaluate("said") == [f"Painting, {share} percent" for share in (25, 50, 75)]
    site.gate.let(1)
    expect(page.locator("img.result")).to_be_visible()
    assert page.evaluate("said")[-1] == "Done."
    assert len(page.evaluate("said")) <= 5


def test_focus_and_edited_words_stay_when_the_picture_is_put_in_place(page: Page, site: Site):
    site.gate.close()
    start(page, site)
    words = page.get_by_label("In words")
    expect(words).to_have_value(CAPTION)
    page.evaluate("window.isSameDocument = true")
    words.fill("a green dog")
    words.evaluate("field => field.setSelectionRange(2, 7)")
    site.gate.open()
    expect(page.locator("img.result")).to_be_visible()
    expect(words).to_be_focused()
    page.keyboard.type("red")
    expect(words).to_have_value("a red dog")
    assert page.evaluate("window.isSameDocument")
    # All else is as after a reload.
    expect(page.get_by_role("link", name="Save")).to_be_visible()
    expect(page.get_by_role("button", name="Paint again")).to_have_class("primary")
    expect(page.get_by_role("heading", level=1)).to_have_text("Done")
    page.click("text=How it was made")
    expect(page.locator(".facts")).to_contain_text(f"Captioner's words{CAPTION}")


def test_words_that_come_late_do_not_replace_typed_ones(page: Page, site: Site):
    site.captions.close()
    start(page, site)
    page.get_by_label("In words").fill("a green dog")
    site.captions.open()
    expect(page.locator("img.result")).to_be_visible()
    expect(page.get_by_label("In words")).to_have_value("a green dog")


def test_cancel_stops_the_painting(page: Page, site: Site):
    site.gate.close()
    start(page, site)
    page.get_by_label("In words").fill("a green dog")
    cancel(page, site)
    expect(page.get_by_label("In words")).to_have_value("a green dog")
    site.gate.open()
    page.get_by_role("button", name="Paint again").click()
    expect(page.locator("img.result")).to_be_visible()


def test_a_painting_that_fails_is_told_in_its_frame(page: Page, site: Site):
    start(page, site)
    expect(page.locator("img.result")).to_be_visible()
    page.get_by_label("In words").fill("fails in decode")
    page.get_by_role("button", name="Paint again").click()
    expect(page.locator(".theirs").get_by_role("alert")).to_contain_text("The model failed")
    expect(page).to_have_title("That did not work – Lookalike")


def test_reload_and_second_tab_in_the_middle(page: Page, context: BrowserContext, site: Site):
    site.gate.close()
    start(page, site)
    site.gate.let(2)
    expect(page.locator(".progress-words")).to_contain_text("Step 2 of 4")
    page.reload()
    second = context.new_page()
    second.goto(page.url)
    for tab in (page, second):
        expect(tab.locator(".progress-words")).to_contain_text("Step 2 of 4")
    site.gate.let(1)
    for tab in (page, second):
        expect(tab).to_have_title("75 % – Lookalike")
    site.gate.let(1)
    for tab in (page, second):
        expect(tab.locator("img.result")).to_have_attribute("alt", CAPTION)
    assert len(site.jobs) == 1


def test_a_job_that_is_deleted_in_another_tab_is_said_to_be_gone(
    page: Page, context: BrowserContext, site: Site, told_errors: list[str]
):
    told_errors.append("404")
    site.gate.close()
    start(page, site)
    second = context.new_page()
    second.goto(site.url)
    second.get_by_role("button", name="Delete all").click()
    expect(page.get_by_role("alert").filter(visible=True)).to_contain_text("not known")


def test_a_preview_is_shown_while_it_is_painted_and_gone_when_it_is_done(page: Page, site: Site):
    site.services.generator._model.preview = lambda sample: Image.new("RGB", (8, 8), "purple")
    site.gate.close()
    start(page, site)
    preview = page.locator(".theirs .preview")
    expect(preview).to_have_count(0)
    site.gate.let(2)
    expect(preview).to_have_attribute("src", re.compile(r"/preview\.jpg\?step=\d+$"))
    assert preview.evaluate("image => image.decode().then(() => image.naturalWidth)") == 8
    site.gate.let(2)
    expect(page.locator("img.result")).to_be_visible()
    expect(preview).to_have_count(0)
