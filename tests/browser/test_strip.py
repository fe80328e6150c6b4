"""This browser's own pictures."""

import pytest
from browser_site import CAPTION, Site, picture, start, wait_for
from playwright.sync_api import Browser, Page, expect

pytestmark = pytest.mark.browser


@pytest.fixture
def two(page: Page, site: Site) -> Page:
    """The page of the second of two jobs that are done."""
    for size in ((40, 30), (20, 20)):
        start(page, site, picture(size))
        expect(page.locator("img.result")).to_be_visible()
    return page


def test_pictures_are_shown_the_newest_first_and_lead_to_their_pages(two: Page, site: Site):
    images = two.locator(".strip img")
    alts = images.evaluate_all("all => all.map(image => image.alt)")
    assert alts == ["a picture of 20x20", CAPTION]
    for image in images.all():
        assert image.evaluate("image => image.decode().then(() => image.naturalWidth)") > 0
    expect(two.locator(".strip [aria-current=page]")).to_have_count(1)
    images.nth(1).click()
    two.wait_for_url(f"**/jobs/{site.jobs[0].id}")
    expect(two.locator("img.result")).to_have_attribute("alt", CAPTION)


def test_one_is_deleted_and_the_other_stays(two: Page, site: Site):
    two.get_by_role("button", name="Delete", exact=True).click()
    two.wait_for_url(f"{site.url}/")
    mine = two.get_by_role("region", name="Yours so far")
    expect(mine.get_by_role("img")).to_have_count(1)
    expect(mine.get_by_role("img")).to_have_attribute("alt", CAPTION)
    assert len(site.jobs) == 1


def test_all_are_deleted_and_nothing_is_left(two: Page, site: Site, told_errors: list[str]):
    told_errors.append("404")
    address = two.url
    two.get_by_role("button", name="Delete all").click()
    two.wait_for_url(f"{site.url}/")
    expect(two.get_by_text("Yours so far")).to_have_count(0)
    assert site.jobs == []
    assert two.context.cookies() == []
    kept = "indexedDB.databases().then(all => all.length + localStorage.length)"
    assert two.evaluate(kept) == 0
    for path in ("", "/image.png", "/original.jpg", "/thumbnail.jpg"):
        answer = two.request.get(address + path)
        assert answer.status == 404


def test_another_browser_sees_none_of_them(two: Page, chromium: Browser, site: Site):
    other = chromium.new_context()
    try:
        page = other.new_page()
        page.goto(site.url)
        expect(page.get_by_text("Or start with one of these scenes")).to_be_visible()
        expect(page.get_by_text("Yours so far")).to_have_count(0)
    finally:
        other.close()


def test_scripts_cannot_read_whose_they_are(two: Page):
    assert two.evaluate("document.cookie") == ""


def test_one_that_is_being_painted_is_shown_by_its_original(page: Page, site: Site):
    site.gate.close()
    start(page, site)
    image = page.locator(".strip img")
    expect(image).to_have_count(1)
    ratio = "image => image.decode().then(() => image.naturalWidth / image.naturalHeight)"
    assert image.evaluate(ratio) == pytest.approx(4 / 3, abs=0.05)
    site.gate.open()
    wait_for(page, lambda: image.evaluate(ratio) == pytest.approx(1, abs=0.05))
