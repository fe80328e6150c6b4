"""What clients see when something goes wrong: a status, one sentence, nothing of our insides."""

import itertools
import random
import time
from dataclasses import replace

import pytest
from web_client import JSON, SECONDS, alert, job_of, picture, upload

from webapp import create_app
from webapp.settings import Settings

SECRET = "a secret at /home/somebody/weights"
FAILED = "Something failed in the server: its log says what."
NOTHING_HERE = "There is nothing at this address."
OTHER_METHODS = "This address takes other methods."


class BrokenCaptioner:
    is_alive = True
    replicas = None

    def submit(self, request, client):
        raise RuntimeError(SECRET)


def fail():
    raise RuntimeError(SECRET)


@pytest.fixture
def broken(by_hand):
    """An app with a view that fails and a captioner that does."""
    app = create_app(Settings(), replace(by_hand, captioner=BrokenCaptioner()))
    app.add_url_rule("/broken", view_func=fail)
    return app.test_client()


def assert_says_nothing(response):
    for inside in (SECRET, "RuntimeError", "Traceback", ".py", "fail()"):
        assert inside not in response.text


def test_a_view_that_fails_is_a_500_whose_traceback_is_for_the_log_alone(broken, caplog):
    response = broken.get("/broken")
    assert response.status_code == 500
    assert response.mimetype == "text/html"
    assert alert(response) == FAILED
    assert_says_nothing(response)
    assert SECRET in caplog.text
    assert "Traceback" in caplog.text


def test_programs_are_told_in_json_that_a_view_failed(broken):
    response = broken.get("/broken", headers=JSON)
    assert response.status_code == 500
    assert response.json == {"error": FAILED, "field": None}


def test_an_upload_that_fails_shows_the_form_again(broken):
    response = upload(broken, seed="7")
    assert response.status_code == 500
    assert alert(response) == FAILED
    assert 'value="7"' in response.text
    assert_says_nothing(response)


@pytest.mark.parametrize(
    ("method", "address", "status", "sentence"),
    [
        ("GET", "/nothing", 404, NOTHING_HERE),
        ("POST", "/nothing", 404, NOTHING_HERE),
        ("GET", "/static/", 404, NOTHING_HERE),
        ("GET", "/static/../pages.py", 404, NOTHING_HERE),
        ("GET", "/static/%2e%2e/pages.py", 404, NOTHING_HERE),
        ("GET", "/static/a%00b", 404, NOTHING_HERE),
        ("GET", "/generate-image/x", 404, NOTHING_HERE),
        ("PUT", "/", 405, OTHER_METHODS),
        ("POST", "/healthz", 405, OTHER_METHODS),
        ("DELETE", "/jobs/x", 405, OTHER_METHODS),
        ("BREW", "/", 405, OTHER_METHODS),
    ],
)
def test_a_wrong_address_or_method_is_told_in_both_dialects(
    patient, method, address, status, sentence
):
    response = patient.open(address, method=method)
    assert (response.status_code, response.mimetype) == (status, "text/html")
    assert alert(response) == sentence
    title = "Page not found" if status == 404 else "That did not work"
    assert f"<h1>{title}</h1>" in response.text
    response = patient.open(address, method=method, headers=JSON)
    assert (response.status_code, response.json) == (status, {"error": sentence, "field": None})
    assert status != 405 or "GET" in response.headers["Allow"]


def test_an_address_of_markup_is_not_repeated(patient):
    response = patient.get("/<script>alert(1)</script>")
    assert response.status_code == 404
    assert "alert(1)" not in response.text


def test_a_range_that_is_not_there_is_a_plain_416(patient):
    with patient.get("/static/style.css", headers={"Range": "bytes=9999999-"}) as response:
        assert response.status_code == 416
        assert alert(response)


METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "BREW"]
PARTS = ["", "/events", "/original.jpg", "/preview.jpg", "/image.png", "/cancel", "/nothing"]
NAMES = ["prompt", "negative_prompt", "seed", "width", "guidance_scale", "example", "image", "x"]
ODD = [
    "",
    "0",
    "-1",
    "1e9",
    "nan",
    "%00",
    "%ff",
    "%0d%0aX:1",
    "..%2f",
    "<b>",
    "'\"",
    "９",
    "x" * 3000,
]
HEADERS = {
    "Accept": ["application/json", "*/*", ";;,,=", "text/html;q=nan", "application/json;q=1e9"],
    "Content-Type": ["multipart/form-data", "multipart/form-data; boundary=b", "a/b;=;", "\xff"],
    "Last-Event-ID": ["5", "-5", "\xb2", "9" * 30],
    "Range": ["bytes=0-1", "bytes=5-1", "bytes=-", "lines=1"],
    "If-None-Match": ['"', "*", "W/"],
    "If-Modified-Since": ["never", "Thu, 01 Jan 0000 00:00:00 GMT"],
    "Origin": ["null", "http://localhost"],
    "Sec-Fetch-Site": ["none", "cross-site"],
    "Host": ["localhost", "localhost:1", "evil", "."],
    "Cookie": ["\xff=;;", "a"],
    "X-Forwarded-Host": ["evil"],
}
BODIES = [
    b"",
    b"\xff\x00",
    b"--b\r\n\r\n",
    b"--b\r\nContent-Disposition: form-data\r\n\r\n",
    b"seed=%FF",
]
BODIES += [b"--b\r\nContent-Disposition: form-data; name=image; filename=a\r\n\r\nx\r\n--b--\r\n"]


def odd_requests(addresses, rng):
    """Every method at every address, each with odd parameters, headers and bodies."""
    for method, address in itertools.product(METHODS, addresses):
        query = "&".join(f"{rng.choice(NAMES)}={rng.choice(ODD)}" for _ in range(rng.randrange(3)))
        headers = {name: rng.choice(HEADERS[name]) for name in rng.sample(list(HEADERS), 4)}
        yield {
            "path": f"{address}?{query}",
            "method": method,
            "headers": headers,
            "data": rng.choice(BODIES),
        }


@pytest.mark.slow
def test_no_method_at_any_address_with_any_junk_is_a_5xx(client, services, fuzz_seconds):
    client.application.testing = False
    jobs = [job_of(services, upload(client, picture(color=color))) for color in ("green", "red")]
    assert {job.wait(SECONDS) and job.status for job in jobs} == {"succeeded", "failed"}
    rng, end = random.Random(0), time.perf_counter() + fuzz_seconds
    ids = [*(job.id for job in jobs), rng.choice(ODD)]
    addresses = [f"/jobs/{each}{part}" for each in ids for part in PARTS]
    addresses += ["/", "/", "/generate-image", "/generate-image", "/healthz", "/readyz"]
    addresses += [f"/static/{each}" for each in ("style.css", *ODD)]
    seen = set()
    while not seen or time.perf_counter() < end:
        for wanted in odd_requests(addresses, rng):
            with client.open(**wanted) as response:
                assert response.status_code < 500, (response.status_code, wanted)
                seen.add(response.status_code)
    assert {200, 400, 403, 404, 405, 421} <= seen
