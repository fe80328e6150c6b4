"""The page that asks for a key, and the one that invites: looked at, used, and used wrongly."""

from dataclasses import replace

import axe
import pytest
from browser_site import CAPTION, DESKTOP, PHONE, SMALL_PHONE, Site, picture
from door_keys import ANNA, door_keys
from playwright.sync_api import Page, expect

from webapp import invitations

pytestmark = pytest.mark.browser

OVERFLOW = "document.documentElement.scrollWidth - document.documentElement.clientWidth"


@pytest.fixture
def locked_site(site: Site, told_errors: list[str]) -> Site:
    told_errors += ["401", "410"]
    site.stop()
    site.services = replace(site.services, keys=door_keys())
    site.start()
    return site


def come_in(page: Page, key: str = ANNA) -> None:
    page.get_by_label("Key").fill(key)
    page.get_by_role("button", name="Come in").click()


@pytest.mark.parametrize("scripts", [True, False])
def test_a_key_is_asked_for_once_and_leads_to_where_one_wanted_to_go(page: Page, locked_site: Site):
    page.goto(f"{locked_site.url}/about")
    expect(page.get_by_role("heading")).to_have_text("Who is there?")
    come_in(page, "wrong-wrong-wrong")
    expect(page.get_by_role("alert")).to_have_text(
        "This is not a key of this server: look at it again."
    )
    page.goto(f"{locked_site.url}/about")
    come_in(page)
    expect(page.get_by_role("heading", level=1)).to_have_text("About this server")
    page.goto(locked_site.url)
    expect(page.get_by_role("heading", level=1)).to_have_text("A picture in, a lookalike out")


def test_pictures_events_and_forms_need_nothing_but_the_cookie(page: Page, locked_site: Site):
    page.goto(f"{locked_site.url}/invitation/{invitations.make(ANNA)}")
    page.get_by_role("button", name="Come in").click()
    page.set_input_files("#image", picture())
    expect(page.locator("img.result")).to_have_attribute("alt", CAPTION)
    assert page.locator("img.result").evaluate("image => image.decode().then(() => true)")
    page.get_by_role("button", name="Delete", exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_have_text("A picture in, a lookalike out")


def test_a_browser_whose_key_is_taken_away_is_told_so_on_the_page_it_has(
    page: Page, locked_site: Site
):
    page.goto(locked_site.url)
    come_in(page)
    expect(page.locator("#image")).to_be_attached()
    page.wait_for_load_state()  # its scripts need the key as well
    assert locked_site.services.keys
    locked_site.services.keys.by_name = {"bert": "another-key-0123456789"}
    page.set_input_files("#image", picture())
    expect(page.get_by_role("alert")).to_have_text(
        "The server asks for its key again: load this page anew."
    )
    expect(page.locator(".now")).to_have_text("Needs a key", timeout=8000)


def at_the_door(page: Page, url: str) -> None:
    page.goto(url)


def with_a_wrong_key(page: Page, url: str) -> None:
    page.goto(url)
    come_in(page, "wrong-wrong-wrong")


def invited(page: Page, url: str) -> None:
    page.goto(f"{url}/invitation/{invitations.make(ANNA)}")


def invited_too_late(page: Page, url: str) -> None:
    page.goto(f"{url}/invitation/used")


@pytest.mark.parametrize("state", [at_the_door, with_a_wrong_key, invited, invited_too_late])
def test_axe_finds_nothing_and_nothing_is_cut_off_at_any_width_in_either_theme(
    page: Page, locked_site: Site, state
):
    state(page, locked_site.url)
    page.evaluate(axe.source())
    for size in (DESKTOP, PHONE, SMALL_PHONE):
        page.set_viewport_size(size)
        assert page.evaluate(OVERFLOW) == 0
        button = page.get_by_role("button", name="Come in").bounding_box()
        assert button
        assert button["y"] + button["height"] <= size["height"]
        for theme in ("light", "dark"):
            page.emulate_media(color_scheme=theme)
            assert axe.violations(page) == []
