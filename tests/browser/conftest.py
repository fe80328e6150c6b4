"""A real Chromium against the real server, over fakes that wait to be let on."""

import shutil
import threading
from collections.abc import Iterator

import pytest
from browser_site import DESKTOP, FLAGS, NAMES, SECONDS, Gate, Site
from fakes import FakeBlip, FakeSDXL
from playwright.sync_api import Browser, Page, sync_playwright

import captioner.engine
import generator.engine
from webapp import create_app
from webapp.job_store import JobStore
from webapp.limits import Limits
from webapp.server import Server, bind
from webapp.services import Services
from webapp.settings import Settings


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
def site() -> Iterator[Site]:
    gate = Gate()
    services = Services(
        captioner.engine.Engine(FakeBlip()),
        generator.engine.Engine(FakeSDXL(on_stage=gate)),
        JobStore(),
        knows_photos=False,
    )
    server = Server(create_app(Settings(), services), bind("127.0.0.1", [0]), Limits(threads=16))
    thread = threading.Thread(target=server.run, name="server")
    services.captioner.start()
    services.generator.start()
    thread.start()
    yield Site(f"http://127.0.0.1:{server.ports[0]}", services, gate)
    gate.is_open = True
    gate.let(100)
    server.stop()
    thread.join(SECONDS)
    services.captioner.close()
    services.generator.close()


@pytest.fixture
def page(chromium: Browser, site: Site) -> Iterator[Page]:
    """A page that fails the test if it logs an error or asks any other host for anything."""
    context = chromium.new_context(viewport=DESKTOP)
    page = context.new_page()
    errors: list[str] = []
    requests: list[str] = []
    page.on("console", lambda message: errors.append(f"{message.type}: {message.text}"))
    page.on("pageerror", lambda error: errors.append(f"error: {error}"))
    page.on("request", lambda request: requests.append(request.url))
    yield page
    context.close()
    assert [error for error in errors if error.startswith("error")] == []
    assert [url for url in requests if not url.startswith((site.url, "blob:", "data:"))] == []
