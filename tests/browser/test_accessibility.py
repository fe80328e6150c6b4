"""axe-core finds nothing in any state of the page, at any width, in either theme."""

from collections.abc import Callable

import axe
import pytest
from browser_site import (
    DESKTOP,
    NO_PICTURE,
    PHONE,
    Site,
    ask_for_four,
    choose,
    hand_over,
    picture,
    start,
    type_wrong_options,
)
from playwright.sync_api import Page, expect

pytestmark = pytest.mark.browser


@pytest.fixture(scope="session")
def axe_source() -> str:
    return axe.source()


def first_visit(page: Page, site: Site) -> None:
    page.goto(site.url)
    page.click("text=Options")


def captioning(page: Page, site: Site) -> None:
    site.captions.close()
    start(page, site)


def painting(page: Page, site: Site) -> None:
    site.gate.close()
    start(page, site)
    site.gate.let(2)
    expect(page.locator(".progress-words")).to_contain_text("Step 2 of 4")


def done(page: Page, site: Site) -> None:
    start(page, site)
    expect(page.locator("img.result")).to_be_visible()
    page.click("text=Options")
    page.click("text=How it was made")


def compared(page: Page, site: Site) -> None:
    done(page, site)
    page.get_by_role("button", name="Compare").click()


def several(page: Page, site: Site) -> None:
    page.goto(site.url)
    ask_for_four(page)
    page.set_input_files("#image", picture())
    expect(page.locator(".theirs .grid img")).to_have_count(4)


def failed(page: Page, site: Site) -> None:
    done(page, site)
    page.get_by_label("In words").fill("fails in decode")
    page.get_by_role("button", name="Paint again").click()
    expect(page.locator(".theirs").get_by_role("alert")).to_be_visible()


def refused(page: Page, site: Site) -> None:
    choose(page, site, NO_PICTURE)
    expect(page.locator("#told")).to_be_visible()


def wrong_options(page: Page, site: Site) -> None:
    page.goto(site.url)
    type_wrong_options(page)
    page.set_input_files("#image", picture())
    expect(page.locator("[name=num_inference_steps]")).to_have_attribute("aria-invalid", "true")


def full_screen(page: Page, site: Site) -> None:
    done(page, site)
    page.get_by_role("link", name="Full screen").click()


def about(page: Page, site: Site) -> None:
    page.goto(f"{site.url}/about")
    hand_over(page, "drop", [NO_PICTURE])
    expect(page.locator("#told")).to_be_visible()


def api(page: Page, site: Site) -> None:
    page.goto(f"{site.url}/api")


def not_found(page: Page, site: Site) -> None:
    page.goto(f"{site.url}/nothing")


STATES = (
    first_visit,
    captioning,
    painting,
    done,
    compared,
    several,
    failed,
    refused,
    wrong_options,
    full_screen,
    about,
    api,
    not_found,
)


@pytest.mark.parametrize("state", STATES, ids=lambda state: state.__name__)
def test_axe_finds_nothing(
    page: Page,
    site: Site,
    told_errors: list[str],
    axe_source: str,
    state: Callable[[Page, Site], None],
):
    told_errors += ["400", "404"]
    state(page, site)
    page.evaluate(axe_source)
    found = []
    for viewport in (DESKTOP, PHONE):
        for theme in ("light", "dark"):
            page.set_viewport_size(viewport)
            page.emulate_media(color_scheme=theme)
            found += [f"{viewport['width']} {theme} {each}" for each in axe.violations(page)]
    assert found == []


def test_axe_would_find_a_fault(page: Page, site: Site, axe_source: str):
    page.goto(site.url)
    page.evaluate(axe_source)
    page.evaluate("document.querySelector('.scenes img').removeAttribute('alt')")
    page.evaluate("document.querySelector('h1').style.color = 'silver'")
    found = {each.partition(":")[0] for each in axe.violations(page)}
    assert found == {"image-alt", "color-contrast"}
