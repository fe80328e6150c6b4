"""A real Chromium against the real server, over fakes that wait to be let on."""

import shutil
from collections.abc import Iterator

import pytest
from browser_site import DESKTOP, FLAGS, NAMES, Gate, HeldBlip, Site
from fakes import FAKE_INFO, FakeSDXL
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

import captioner.engine
import generator.engine
from generator.model_info import ModelInfo
from webapp.job_store import JobStore
from webapp.services import ModelCard, Services

CARDS = (
    ModelCard("captioner", "fake words", "cpu", "MIT"),
    ModelCard("generator", "fake colours", "cpu", "Apache 2.0"),
)


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    path = next(filter(None, map(shutil.which, NAMES)), None)
    if path is None:
        pytest.skip(f"no browser: none of {', '.join(NAMES)} is installed")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def info() -> ModelInfo:
    """What the painter offers; modules about full-size images put PHOTO_INFO in its place."""
    return FAKE_INFO


@pytest.fixture
def site(info: ModelInfo) -> Iterator[Site]:
    gate, captions = Gate(), Gate()
    services = Services(
        captioner.engine.Engine(HeldBlip(gate=captions)),
        generator.engine.Engine(FakeSDXL(info, on_stage=gate)),
        JobStore(),
        knows_photos=not info.learnt_sizes,
        models=CARDS,
    )
    site = Site(services, gate, captions)
    services.captioner.start()
    services.generator.start()
    site.start()
    yield site
    gate.open()
    captions.open()
    site.close()
    services.captioner.close()
    services.generator.close()


@pytest.fixture
def scripts() -> bool:
    """Whether the browser runs them."""
    return True


@pytest.fixture
def told_errors() -> list[str]:
    """Parts of what the browser's console may say, as of an answer of 400 that a test wants."""
    return []


@pytest.fixture
def context(
    chromium: Browser, site: Site, scripts: bool, told_errors: list[str]
) -> Iterator[BrowserContext]:
    """Fails the test if a page of it logs an error or asks any other host for anything."""
    context = chromium.new_context(viewport=DESKTOP, java_script_enabled=scripts)
    context.set_default_timeout(5000)
    errors: list[str] = []
    urls: list[str] = []
    context.on("console", lambda message: errors.append(f"{message.type}: {message.text}"))
    context.on("weberror", lambda error: errors.append(f"error: {error.error}"))
    context.on("request", lambda request: urls.append(request.url))
    yield context
    context.close()
    wrong = [error for error in errors if error.startswith("error")]
    assert [each for each in wrong if not any(part in each for part in told_errors)] == []
    assert [url for url in urls if not url.startswith((site.url, "blob:", "data:"))] == []


@pytest.fixture
def page(context: BrowserContext) -> Page:
    return context.new_page()
