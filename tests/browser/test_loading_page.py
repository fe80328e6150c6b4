"""The page while models are still loading."""

from pathlib import Path

import pytest
from browser_site import CAPTION, DESKTOP, PHONE, Site, start
from checkpoints import unchecked
from playwright.sync_api import Page, expect

from generator.engine import Engine
from models_cache.catalog import Family
from models_cache.runtime.loading import LoadProgress

pytestmark = pytest.mark.browser


@pytest.fixture
def loading(site: Site, monkeypatch: pytest.MonkeyPatch) -> LoadProgress:
    """The generator is still being loaded, and half of it is read."""
    progress = LoadProgress(unchecked(Path(), Family.SDXL, name="a model of six gigabytes"))
    progress.total_bytes, progress.loaded_bytes, progress.stage = 100, 50, "reading the UNet"
    monkeypatch.setattr(Engine, "is_ready", False)
    object.__setattr__(site.services, "loading", (progress,))
    return progress


def test_progress_is_shown_as_it_grows_and_goes_when_models_are_warm(
    page: Page, site: Site, loading: LoadProgress, monkeypatch: pytest.MonkeyPatch
):
    page.goto(site.url)
    notice = page.locator(".loading")
    state = page.locator(".server-state .now")
    expect(state).to_have_text("Loading 50 %")
    expect(notice).to_contain_text("reading the UNet")
    assert notice.locator("progress").evaluate("bar => [bar.value, bar.max]") == [50, 100]
    loading.loaded_bytes, loading.stage = 100, "moving to the device"
    expect(notice).to_contain_text("moving to the device")
    is_indeterminate = notice.locator("progress").evaluate("bar => bar.position < 0")
    assert is_indeterminate
    monkeypatch.setattr(Engine, "is_ready", True)
    expect(notice).to_have_count(0)
    expect(page.get_by_label("Choose a picture")).to_be_attached()
    expect(state).to_have_text("Ready", timeout=6000)


def test_a_picture_sent_meanwhile_waits_and_its_page_says_for_what(
    page: Page, site: Site, loading: LoadProgress, monkeypatch: pytest.MonkeyPatch
):
    site.gate.close()
    start(page, site)
    expect(page.locator(".loading")).to_contain_text("reading the UNet")
    expect(page.get_by_label("In words")).to_have_value(CAPTION)
    monkeypatch.setattr(Engine, "is_ready", True)
    expect(page.locator(".loading")).to_have_count(0)
    site.gate.let(4)
    expect(page.locator("img.result")).to_be_visible()


@pytest.mark.usefixtures("loading")
def test_nothing_sticks_out(page: Page, site: Site):
    page.goto(site.url)
    expect(page.locator(".loading")).to_be_visible()
    for viewport in (DESKTOP, PHONE):
        page.set_viewport_size(viewport)
        assert page.evaluate("document.documentElement.scrollWidth") <= viewport["width"]
