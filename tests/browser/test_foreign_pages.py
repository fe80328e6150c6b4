"""Promise 2, with a real Chromium: pages of other sites cannot use the server."""

import re
import time
from collections.abc import Iterable, Iterator
from dataclasses import replace

import pytest
from browser_site import Site
from chromium_headers import FOREIGN_GETS, FOREIGN_POSTS
from door_keys import ANNA, door_keys
from foreign_pages import POSTS, UPLOADS, WAYS, foreign_site
from playwright.sync_api import Browser, BrowserContext, Page
from web_client import an_order

from webapp import create_app
from webapp.job_store import Original
from webapp.settings import Settings

pytestmark = [pytest.mark.browser, pytest.mark.slow]

TOLD = ("Sec-Fetch-Site", "Origin")


@pytest.fixture
def visitor(chromium: Browser) -> Iterator[BrowserContext]:
    """A browser that talks to more than our server."""
    context = chromium.new_context()
    yield context
    context.close()


def attacks(site: Site, job_id: str) -> dict[str, str]:
    """A foreign page for each way to reach each address that does something, by what it asks."""
    rules = list(create_app(Settings(), site.services).url_map.iter_rules())
    asks = {}
    for rule in rules:
        path = re.sub(r"<job_id>", job_id, rule.rule).replace("<token>", "x")
        path = path.replace("<path:name>", "x/y")
        if "POST" in rule.methods:
            ways = POSTS | UPLOADS if path == "/" else POSTS
            asks |= {f"POST {path}?way={way}": page for way, page in ways.items()}
        elif rule.endpoint == "generate_image.generate_image":
            asks |= {f"GET {path}?prompt=x&way={way}": page for way, page in WAYS.items()}
    posts = sum("POST" in rule.methods for rule in rules)
    assert posts > 7
    assert len(asks) == posts * len(POSTS) + len(UPLOADS) + len(WAYS)
    return asks


def come_in(visitor: BrowserContext, site: Site, *, has_keys: bool) -> str:
    """The id of a job of this browser's, which waits for ever."""
    [job] = site.services.generator.reserve()
    site.services.jobs.add([job], Original(b"", (20, 10)), an_order())
    cookies = [{"name": "mine", "value": job.id, "url": site.url, "sameSite": "Strict"}]
    visitor.add_cookies(cookies)  # type: ignore[arg-type]
    page = visitor.new_page()
    page.goto(site.url)
    if has_keys:
        page.get_by_label("Key").fill(ANNA)
        page.get_by_role("button", name="Come in").click()
    page.get_by_text("Yours so far").wait_for()
    page.close()
    return job.id


def wait_for_all(page: Page, site: Site, asks: Iterable[str]) -> None:
    """Until the server has seen them: forty frames take their time."""
    deadline = time.monotonic() + 60
    while missing := set(asks) - {asked for asked, _, _ in site.seen}:
        assert time.monotonic() < deadline, missing
        page.wait_for_timeout(50)


@pytest.mark.parametrize(
    ("host", "has_keys"), [("localhost", False), ("127.0.0.1", False), ("127.0.0.1", True)]
)
def test_no_page_of_another_site_or_port_does_anything_on_any_route(
    visitor: BrowserContext, site: Site, host: str, has_keys: bool
):
    if has_keys:
        site.stop()
        site.services = replace(site.services, keys=door_keys())
        site.start()
    job_id = come_in(visitor, site, has_keys=has_keys)
    asks = attacks(site, job_id)
    with foreign_site() as pages:
        for number, (ask, way) in enumerate(asks.items()):
            path = ask.partition(" ")[2]
            pages[f"/{number}"] = way.format(server=site.url, path=path, kind="")
        pages["/"] = "".join(f"<iframe src='/{number}'></iframe>" for number in range(len(asks)))
        origin = f"http://{host}:{pages['port']}"
        page = visitor.new_page()
        page.goto(f"{origin}/", wait_until="commit")
        wait_for_all(page, site, asks)
    seen = [each for each in site.seen if each[0] in asks]
    assert {status for _, _, status in seen} <= ({401, 403} if has_keys else {403})
    [job] = site.jobs
    assert (job.id, job.is_finished) == (job_id, False)
    for asked, headers, _ in seen:
        told = {name: headers[name] for name in TOLD if name in headers}
        known = FOREIGN_GETS if asked.startswith("GET") else FOREIGN_POSTS
        assert told in [
            {name: value.format(origin=origin) for name, value in each.items()} for each in known
        ], asked


def test_a_name_that_is_bound_to_this_machine_is_no_name_of_the_server(
    visitor: BrowserContext, site: Site
):
    page = visitor.new_page()
    for path in ("/", "/generate-image?prompt=x", "/status", "/static/sending.js"):
        answer = page.goto(f"http://evil.example:{site.port}{path}")
        assert answer
        assert answer.status == 421
    answer = page.goto(f"http://evil.example:{site.port}/healthz")  # for balancers
    assert answer
    assert (answer.status, answer.json()) == (200, {"status": "ok"})
    assert site.jobs == []
