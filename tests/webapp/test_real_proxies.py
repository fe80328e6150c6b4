"""The page behind nginx and Caddy, set up as docs/access.md says."""

import contextlib
import json
import re
import uuid
from collections.abc import Iterator
from http.client import HTTPResponse

import pytest
from door_keys import ANNA, door_keys
from real_proxies import NAME, Client, running
from tiny_server import run_in_thread
from web_client import picture

from webapp import create_app
from webapp.limits import Limits
from webapp.mine import MOST
from webapp.server import Server, bind
from webapp.settings import Settings

pytestmark = [pytest.mark.proxy, pytest.mark.slow]

PREFIXES = {"nginx": "/lookalike", "caddy": ""}
# 127.0.0.2 is a client that is not the proxy.
ADDRESS = "127.0.0.2"


class Browser:
    """Keeps cookies, and sends what a browser would."""

    def __init__(self, port: int, prefix: str) -> None:
        self.port, self.prefix = port, prefix
        self.cookies: dict[str, str] = {}
        self.ends = contextlib.ExitStack()

    def open(self, path: str, method="GET", data=b"", **headers: str) -> HTTPResponse:
        origin = f"https://{NAME}:{self.port}"
        sent = {"Cookie": "; ".join(f"{name}={value}" for name, value in self.cookies.items())}
        if method == "POST":
            sent |= {"Origin": origin, "Sec-Fetch-Site": "same-origin"}
        client = self.ends.enter_context(contextlib.closing(Client(self.port, ADDRESS)))
        client.request(method, f"{self.prefix}{path}", data, sent | headers)
        answer = self.ends.enter_context(client.getresponse())
        for cookie in answer.headers.get_all("Set-Cookie", []):
            name, _, value = cookie.partition("=")
            assert f"Path={self.prefix}/" in cookie
            self.cookies[name] = value.partition(";")[0]
        return answer

    def upload(self, data: bytes) -> HTTPResponse:
        boundary = uuid.uuid4().hex
        head = f'--{boundary}\r\nContent-Disposition: form-data; name="image"; filename="x"\r\n\r\n'
        body = head.encode() + data + f"\r\n--{boundary}--\r\n".encode()
        kind = f"multipart/form-data; boundary={boundary}"
        return self.open("/", "POST", body, **{"Content-Type": kind})


@pytest.fixture(params=["nginx", "caddy"])
def browser(request, tmp_path, by_hand) -> Iterator[Browser]:
    object.__setattr__(by_hand, "keys", door_keys())
    settings = Settings(trusted_proxy="127.0.0.1", allowed_host=(NAME,), insecure_open=True)
    limits = Limits(threads=8, max_request_body_bytes=2 * settings.max_upload_bytes)
    server = Server(create_app(settings, by_hand), bind("127.0.0.1", [0]), limits)
    name = request.param
    with run_in_thread(server) as run, running(name, tmp_path, run.port) as port:
        browser = Browser(port, PREFIXES[name])
        with browser.ends:
            yield browser


def enter(browser: Browser) -> HTTPResponse:
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    return browser.open("/enter", "POST", f"key={ANNA}".encode(), **form)


def test_a_picture_goes_through_the_proxy_and_its_events_come_as_they_happen(browser, by_hand):
    door = browser.open("/")
    page = door.read().decode()
    assert door.status == 401
    assert f'href="{browser.prefix}/static/style.css"' in page
    entered = enter(browser)
    assert (entered.status, entered.headers["Location"]) == (303, f"{browser.prefix}/")
    assert "Secure" in entered.headers["Set-Cookie"]
    assert browser.open("/").status == 200
    uploaded = browser.upload(picture())
    assert uploaded.status == 303, uploaded.read()
    path = uploaded.headers["Location"].removeprefix(browser.prefix)
    [job] = by_hand.generator._queue.jobs
    assert job.client == f"anna {ADDRESS}"
    events = browser.open(f"{path}/events")
    assert events.headers["Content-Type"].startswith("text/event-stream")
    seen = []
    while "captioning" not in "".join(seen):  # not held back until there are more
        seen.append(events.readline().decode())
    by_hand.captioner.step()
    while not job.is_finished:
        by_hand.generator.step()
    assert "event: succeeded" in events.read().decode()
    image = browser.open(f"{path}/image.png")
    assert (image.status, image.read(4)) == (200, b"\x89PNG")


def test_the_largest_picture_fits_and_a_larger_one_is_told_by_the_server(browser):
    enter(browser)
    image = picture()
    largest = image + bytes(20 * 2**20 - len(image))  # decoders read no further than the end
    assert browser.upload(largest).status == 303
    refused = browser.upload(largest + bytes(2**20))
    assert refused.status == 413
    assert "send a picture of at most 20 MB" in re.sub(r"\s+", " ", refused.read().decode())


def test_a_browser_with_all_the_jobs_that_it_may_have_gets_its_answer(browser):
    """Proxies read a few KiB of an answer's headers, and make an error 502 of more."""
    enter(browser)
    browser.cookies["mine"] = ".".join(uuid.uuid4().hex for _ in range(MOST))
    assert browser.upload(picture()).status == 303
    assert len(browser.cookies["mine"].split(".")) == MOST


def test_a_client_cannot_say_who_it_is(browser, by_hand):
    forged = {"X-Forwarded-For": "9.9.9.9", "X-Real-IP": "9.9.9.9", "Forwarded": "for=9.9.9.9"}
    for _ in range(11):
        answer = browser.open("/about", Authorization="Bearer wrong", **forged)
        answer.read()
    assert answer.status == 429
    assert list(by_hand.tries._wrong) == [ADDRESS]


def test_a_foreign_page_is_refused_behind_the_proxy_too(browser, by_hand):
    enter(browser)
    for origin in ("null", "https://evil.example", f"http://{NAME}:{browser.port}"):
        answer = browser.open("/jobs/delete", "POST", Origin=origin, Accept="application/json")
        assert (answer.status, "Another site" in json.loads(answer.read())["error"]) == (403, True)
