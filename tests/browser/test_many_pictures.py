"""Several pictures at once: one that is wrong keeps no other back."""

from pathlib import Path

import pytest
from browser_site import CAPTION, NO_PICTURE, Site, choose, picture, wait_for
from playwright.sync_api import Page, expect

pytestmark = pytest.mark.browser


def test_a_bad_one_is_named_and_the_others_are_sent(page: Page, site: Site, told_errors: list[str]):
    told_errors += ["400"]
    choose(page, site, picture(), NO_PICTURE, picture(colour="white"))
    alert = page.get_by_role("alert")
    expect(alert).to_contain_text("cat.jpg: The file is not an image of a known format")
    assert len(site.jobs) == 2
    expect(page.locator("[data-swap=mine] img")).to_have_count(2)
    expect(page).to_have_url(f"{site.url}/")


def test_the_strip_goes_on_until_all_are_painted(page: Page, site: Site):
    site.captions.close()
    choose(page, site, picture(), picture(colour="white"), picture(colour="blue"))
    page.wait_for_url("**/jobs/*")
    site.captions.let(1)
    painted = page.locator("[data-swap=mine] img[src*=painted]")
    expect(page.locator("img.result")).to_have_attribute("alt", CAPTION)
    expect(painted).to_have_count(1)
    site.captions.open()
    expect(painted).to_have_count(3)


def test_after_the_way_back_the_same_picture_may_be_chosen_again(
    page: Page, site: Site, tmp_path: Path
):
    """A browser tells of no change where the same file is chosen again."""
    file = tmp_path / "holiday.png"
    file.write_bytes(picture()["buffer"])
    page.goto(site.url)
    session = page.context.new_cdp_session(page)  # as by hand: Playwright's own way hides it
    root = session.send("DOM.getDocument")["root"]["nodeId"]
    node = session.send("DOM.querySelector", {"nodeId": root, "selector": "#image"})["nodeId"]
    session.send("DOM.setFileInputFiles", {"files": [str(file)], "nodeId": node})
    page.wait_for_url("**/jobs/*")
    page.go_back()
    expect(page).to_have_url(f"{site.url}/")
    assert page.locator("#image").evaluate("input => input.files.length") == 0
    expect(page.locator(".sending")).to_be_hidden()


def test_what_cannot_be_read_is_named(page: Page, site: Site):
    """As a folder that was dropped."""
    page.goto(site.url)
    page.evaluate("File.prototype.slice = () => ({arrayBuffer: () => Promise.reject()})")
    page.set_input_files("#image", picture())
    expect(page.get_by_role("alert")).to_contain_text("This is no file that can be read.")
    wait_for(page, lambda: not site.jobs)
