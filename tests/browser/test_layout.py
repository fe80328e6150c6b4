"""Where things are, and how large: in pixels, as a browser lays them out."""

import pytest
from browser_site import (
    DESKTOP,
    LANDSCAPE,
    PHONE,
    PHOTO_INFO,
    SMALL_PHONE,
    Site,
    ask_for_four,
    picture,
    start,
    wait_for,
)
from playwright.sync_api import Page, expect

from generator.model_info import ModelInfo

pytestmark = pytest.mark.browser

Box = dict[str, float]
TALL = (LANDSCAPE[1], LANDSCAPE[0])
OVERFLOW = "document.documentElement.scrollWidth - document.documentElement.clientWidth"


@pytest.fixture
def info() -> ModelInfo:
    return PHOTO_INFO


def box_of(page: Page, selector: str) -> Box:
    box = page.locator(selector).first.bounding_box()
    assert box
    return dict(box)


def finish(page: Page, site: Site, size: tuple[int, int]) -> None:
    start(page, site, picture(size))
    expect(page.locator("img.result")).to_be_visible()
    page.locator("img.result").evaluate("image => image.decode()")
    assert page.locator("img.result").evaluate("i => [i.naturalWidth, i.naturalHeight]") == [*size]


@pytest.fixture
def landscape(page: Page, site: Site) -> None:
    finish(page, site, LANDSCAPE)


@pytest.fixture
def portrait(page: Page, site: Site) -> None:
    finish(page, site, TALL)


@pytest.mark.usefixtures("landscape")
def test_a_landscape_is_shown_large_and_whole(page: Page):
    for width, height, least in ((1440, 900, 560), (1280, 720, 500)):
        page.set_viewport_size({"width": width, "height": height})
        result, frame = box_of(page, "img.result"), box_of(page, ".theirs .frame")
        assert result["width"] >= least
        assert abs(result["width"] / result["height"] - LANDSCAPE[0] / LANDSCAPE[1]) < 0.02
        assert_inside(result, frame)
        assert result["y"] + result["height"] <= height


@pytest.mark.parametrize("shape", ["landscape", "portrait"])
def test_on_a_phone_the_result_is_whole_in_the_first_screen(
    page: Page, shape: str, request: pytest.FixtureRequest
):
    request.getfixturevalue(shape)
    for size in (PHONE, SMALL_PHONE):
        page.set_viewport_size(size)
        page.evaluate("scrollTo(0, 0)")
        result = box_of(page, "img.result")
        screen = {"x": 0.0, "y": 0.0, "width": size["width"], "height": size["height"]}
        assert_inside(result, screen)
        assert result["y"] < box_of(page, ".yours img")["y"]
        assert max(result["width"] / size["width"], result["height"] / size["height"]) > 0.5


@pytest.mark.usefixtures("landscape")
def test_nothing_sticks_out_sideways(page: Page, site: Site, told_errors: list[str]):
    told_errors.append("404")
    page.click("text=Options")
    page.click("text=How it was made")
    for path in (None, "/", "/about", "/api", "/nothing"):
        if path:
            page.goto(site.url + path)
        for width in (320, 390, 1280):
            page.set_viewport_size({"width": width, "height": 800})
            assert page.evaluate(OVERFLOW) <= 0, f"{path} at {width}"


@pytest.mark.parametrize("viewport", [DESKTOP, PHONE], ids=["desktop", "phone"])
@pytest.mark.parametrize("size", [LANDSCAPE, TALL], ids=["landscape", "tall"])
def test_nothing_jumps_from_the_first_moment_to_the_end(page: Page, site: Site, size, viewport):
    page.set_viewport_size(viewport)
    boxes: list[list[Box]] = []

    def measure() -> None:
        parts = (".yours .frame", ".theirs .frame", ".yours img", ".theirs .actions", "#prompt")
        boxes.append([box_of(page, part) for part in parts])

    site.captions.close()
    site.gate.close()
    start(page, site, picture(size))
    measure()
    site.captions.open()
    site.gate.let(2)
    expect(page.locator(".progress-words")).to_contain_text("Step 2")
    measure()
    site.gate.open()
    expect(page.locator("img.result")).to_be_visible()
    measure()
    page.reload()
    measure()
    for later in boxes[1:]:
        for first, now in zip(boxes[0], later, strict=True):
            assert (now["y"], now["height"]) == pytest.approx((first["y"], first["height"]), abs=1)
    if viewport == DESKTOP:
        assert boxes[0][0]["width"] == boxes[0][1]["width"]
        assert boxes[0][0]["height"] == boxes[0][1]["height"]


def test_four_images_are_whole_in_their_frame(page: Page, site: Site):
    page.goto(site.url)
    ask_for_four(page)
    page.set_input_files("#image", picture(LANDSCAPE))
    images = page.locator(".theirs .grid img")
    expect(images).to_have_count(4)
    wait_for(page, lambda: images.evaluate_all("all => all.every(image => image.complete)"))
    for size in (DESKTOP, {"width": 1280, "height": 720}, PHONE, SMALL_PHONE):
        page.set_viewport_size(size)
        frame = box_of(page, ".theirs .frame")
        for image in images.all():
            box = image.bounding_box()
            assert box
            assert_inside(dict(box), frame)
            assert abs(box["width"] / box["height"] - LANDSCAPE[0] / LANDSCAPE[1]) < 0.05
        assert page.evaluate(OVERFLOW) <= 0


def assert_inside(inner: Box, outer: Box) -> None:
    assert inner["x"] >= outer["x"] - 1
    assert inner["y"] >= outer["y"] - 1
    assert inner["x"] + inner["width"] <= outer["x"] + outer["width"] + 1
    assert inner["y"] + inner["height"] <= outer["y"] + outer["height"] + 1


@pytest.mark.parametrize("path", ["/", "/about", "/docs", "/api", "job"])
def test_letters_twice_as_large_need_no_scrolling_sideways(page: Page, site: Site, path: str):
    page.set_viewport_size(PHONE)
    start(page, site)
    if path != "job":
        page.goto(f"{site.url}{path}")
    page.evaluate("document.documentElement.style.fontSize = '200%'")
    assert page.evaluate(OVERFLOW) == 0


def test_a_word_without_an_end_needs_no_scrolling_sideways(page: Page, site: Site):
    page.set_viewport_size(PHONE)
    page.goto(site.url)
    file = {"name": f"{'x' * 200}.txt", "mimeType": "text/plain", "buffer": b"words"}
    page.set_input_files("#image", file)
    expect(page.get_by_role("alert")).to_contain_text("is no picture")
    assert page.evaluate(OVERFLOW) == 0


def test_the_words_of_buttons_are_whole_on_a_phone(page: Page, site: Site):
    page.set_viewport_size(PHONE)
    start(page, site)
    expect(page.get_by_role("button", name="Compare")).to_be_visible()
    heights = page.locator(".actions :is(button, .button)").evaluate_all(
        "all => all.map(each => each.offsetHeight).filter(Boolean)"
    )
    assert len(heights) >= 4
    assert len(set(heights)) == 1, heights
