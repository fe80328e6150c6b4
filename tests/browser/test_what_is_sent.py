"""What the page makes of a picture before it sends it, and what it leaves to the browser."""

from io import BytesIO

import pytest
from browser_site import Site, choose, picture, posts, start
from PIL import Image
from playwright.sync_api import Page, expect

pytestmark = pytest.mark.browser


def test_a_large_photo_is_made_smaller_before_it_is_sent(page: Page, site: Site):
    choose(page, site, picture((3000, 1500)))
    expect(page.get_by_label("In words")).to_have_value("a picture of 2048x1024")


@pytest.mark.parametrize("size", [(1000, 500), (3000, 1500)])
def test_a_transparent_picture_stands_on_white_however_large_it_is(page: Page, site: Site, size):
    choose(page, site, picture(size, colour="#00ff0000"))
    page.wait_for_url("**/jobs/*")
    stored = page.request.get(f"{page.url}/original.jpg").body()
    assert Image.open(BytesIO(stored)).getpixel((0, 0)) == (255, 255, 255)


def test_text_can_still_be_dropped_into_a_field(page: Page, site: Site):
    start(page, site)
    is_left_alone = page.get_by_label("In words").evaluate(
        """field => {
            const dataTransfer = new DataTransfer();
            dataTransfer.setData("text/plain", "red");
            return field.dispatchEvent(
                new DragEvent("drop", {bubbles: true, cancelable: true, dataTransfer}));
        }"""
    )
    assert is_left_alone


def test_words_that_are_pasted_into_a_field_with_a_picture_of_them_are_words(
    page: Page, site: Site
):
    """As from a spreadsheet or a word processor."""
    start(page, site)
    sent = posts(page)
    page.get_by_label("In words").evaluate(
        """field => {
            const clipboardData = new DataTransfer();
            clipboardData.setData("text/plain", "red");
            clipboardData.items.add(new File(["x"], "red.png", {type: "image/png"}));
            field.dispatchEvent(new ClipboardEvent("paste", {bubbles: true, clipboardData}));
        }"""
    )
    page.wait_for_timeout(500)
    assert not sent
