"""Who may call, and what every answer says to browsers."""

import a1111_requests
import pytest
from chromium_headers import FOREIGN_GETS, FOREIGN_POSTS
from web_client import JSON, alert, job_of, upload

from webapp import environ
from webapp.guards import HEADERS
from webapp.hosts import host_name

OURS = [
    "localhost",
    "localhost:8000",
    "LocalHost:8000",
    "127.0.0.1",
    "127.0.0.1:5000",
    "127.0.0.2:80",
    "[::1]",
    "[::1]:8000",
    "[0:0:0:0:0:0:0:1]:8000",
]
FOREIGN = [
    "",
    "evil.example",
    "evil.example:8000",
    "127.0.0.1.evil.example",
    "localhost.evil.example",
    "evil-localhost",
    "localhost.",
    "127.0.0.1.",
    "localhost,evil.example",
    "evil@localhost",
    "localhost@evil",
    "localhost/evil",
    "localhost#evil",
    "localhost?evil",
    "localhost\\evil",
    "local\thost",
    " localhost",
    "localhost:",
    "localhost:port",
    "localhost:8000:8000",
    "localhost:8000.evil.example",
    "evil[::1]",
    "[::1]evil",
    "[::1",
    "::1",
    "[evil]",
    "[localhost]",
    "[]",
    ":8000",
    ".",
    "0.0.0.0",
    "192.168.1.7",
    "127.1",
    "2130706433",
    "0x7f000001",
    "127.0.0.1%00",
    "loc\xe1lhost",
    "x" * 5000,
]


@pytest.fixture
def routes(patient, by_hand):
    """Method and address of one of each: page, job, picture, API, health, static, error."""
    job = job_of(by_hand, upload(patient))
    job.cancel()
    addresses = [
        ("GET", "/"),
        ("POST", "/"),
        ("GET", f"/jobs/{job.id}"),
        ("GET", f"/jobs/{job.id}/events"),
        ("GET", f"/jobs/{job.id}/original.jpg"),
        ("GET", f"/jobs/{job.id}/preview.jpg"),
        ("GET", f"/jobs/{job.id}/image.png"),
        ("GET", f"/jobs/{job.id}/thumbnail.jpg"),
        ("POST", f"/jobs/{job.id}/cancel"),
        ("GET", f"/jobs/{job.id}/again"),
        ("GET", f"/jobs/{job.id}/full-screen"),
        ("POST", f"/jobs/{job.id}/again"),
        ("POST", f"/jobs/{job.id}/delete"),
        ("POST", "/jobs/delete"),
        ("GET", "/about"),
        ("GET", "/api"),
        ("GET", "/docs"),
        ("GET", "/openapi.json"),
        ("GET", "/generate-image"),
        ("GET", "/healthz"),
        ("GET", "/readyz"),
        ("GET", "/loading"),
        ("GET", "/metrics"),
        ("GET", "/status"),
        ("GET", "/static/style.css"),
        ("GET", "/enter"),
        ("POST", "/enter"),
        ("GET", "/invitation/x"),
        ("POST", "/invitation/x"),
        ("POST", "/caption"),
        ("POST", "/models/x/y"),
        *a1111_requests.ROUTES,
        ("GET", "/api/version"),
        ("GET", "/api/tags"),
        ("POST", "/api/show"),
        ("POST", "/api/pull"),
        ("POST", "/api/generate"),
        ("POST", "/api/chat"),
        ("GET", "/v1/models"),
        ("GET", "/v1/models/x/y"),
        ("POST", "/v1/images/generations"),
        ("POST", "/v1/images/variations"),
        ("POST", "/v1/images/edits"),
        ("POST", "/v1/chat/completions"),
        ("POST", "/v1/responses"),
    ]
    rules = {rule.endpoint for rule in patient.application.url_map.iter_rules()}
    assert len(rules) == len(addresses), "a route is missing here"
    return addresses


def test_this_machines_own_names_are_answered(patient):
    for host in OURS:
        assert patient.get("/", headers={"Host": host}).status_code == 200, host


def test_no_other_name_is_answered(patient, by_hand):
    for host in FOREIGN:
        assert patient.get("/", headers={"Host": host}).status_code == 421, host
        assert patient.post("/", headers={"Host": host}).status_code == 421, host
    assert by_hand.generator.stats().jobs == 0


HEALTH = ["/healthz", "/readyz"]


def test_a_foreign_name_is_refused_on_every_route_but_those_of_health(patient, routes):
    guarded = [each for each in routes if each[1] not in HEALTH]
    assert len(guarded) == len(routes) - 2
    for method, address in [*guarded, ("GET", "/nothing"), ("OPTIONS", "/"), ("PUT", "/")]:
        response = patient.open(address, method=method, headers={"Host": "evil.example"})
        assert response.status_code == 421, address
        assert "127.0.0.1, localhost and [::1]" in response.text
        assert "evil" not in response.text


def test_a_request_without_a_host_is_refused(patient):
    response = patient.get("/", environ_overrides={"HTTP_HOST": ""})
    assert response.status_code == 421


@pytest.mark.parametrize(
    ("host", "name"), [("LOCALHOST:1", "localhost"), ("[::1]:1", "::1"), ("a b", ""), ("", "")]
)
def test_the_name_of_a_host_is_what_stands_before_its_port(host, name):
    assert host_name(host) == name


COSTLY = [("POST", "/"), ("POST", "/jobs/{id}/cancel"), ("GET", "/generate-image?prompt=x")]


@pytest.mark.parametrize(("method", "address"), COSTLY)
@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "surprise"},
        {"Sec-Fetch-Site": ""},
        {"Origin": "null"},
        {"Origin": ""},
        {"Origin": "http://evil.example"},
        {"Origin": "http://localhost:5000"},
        {"Origin": "https://localhost"},
        {"Origin": "http://localhost.evil.example"},
        {"Origin": "http://localhost/"},
        {"Origin": "http://127.0.0.1"},
        {"Origin": "http://localhost", "Sec-Fetch-Site": "cross-site"},
        {"Origin": "null", "Sec-Fetch-Site": "same-origin"},
    ],
    ids=str,
)
def test_another_sites_page_cannot_spend_the_gpu(patient, by_hand, method, address, headers):
    job = job_of(by_hand, upload(patient))
    response = patient.open(
        address.format(id=job.id),
        method=method,
        headers=headers,
        data={"example": "a red house by the sea"} if method == "POST" else None,
    )
    assert response.status_code == 403
    assert "Another site's page" in (response.json or {"error": alert(response)})["error"]
    assert job.status == "captioning"
    assert by_hand.generator.stats().jobs == 1


def test_no_foreign_page_does_anything_on_any_route(patient, by_hand):
    """Promise 2: a walk along all that does something, with what a real Chromium sends."""
    job, walked, posts = job_of(by_hand, upload(patient)), 0, 0
    for rule in patient.application.url_map.iter_rules():
        path = rule.rule.replace("<job_id>", job.id).replace("<token>", "x")
        foreign = {"POST": FOREIGN_POSTS} if "POST" in rule.methods else {}
        posts += len(foreign)
        if rule.endpoint == "generate_image.generate_image":
            foreign, path = {"GET": FOREIGN_GETS, "HEAD": FOREIGN_GETS}, f"{path}?prompt=x"
        for method, headers in ((m, each) for m, sets in foreign.items() for each in sets):
            sent = {
                name: value.format(origin="http://evil.example") for name, value in headers.items()
            }
            assert patient.open(path, method=method, headers=sent).status_code == 403, (path, sent)
            walked += 1
    assert posts > 7
    assert walked == posts * len(FOREIGN_POSTS) + 2 * len(FOREIGN_GETS)
    assert job.status == "captioning"
    assert by_hand.generator.stats().jobs == 1


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Sec-Fetch-Site": "none"},
        {"Sec-Fetch-Site": "same-origin"},
        {"Origin": "http://localhost"},
        {"Origin": "http://localhost", "Sec-Fetch-Site": "same-origin"},
        {"Origin": "http://[::1]:8000", "Host": "[::1]:8000"},
        {"Origin": "http://127.0.0.1:8000", "Host": "127.0.0.1:8000"},
    ],
    ids=str,
)
def test_our_own_page_and_programs_may(client, headers):
    assert upload(client, headers=headers).status_code == 303
    assert client.get("/generate-image?prompt=x", headers=headers).status_code == 200


def test_looking_is_free_for_every_site(patient, routes):
    for method, address in routes:
        if method == "GET" and address != "/generate-image":
            with patient.get(address, headers={"Sec-Fetch-Site": "cross-site"}) as response:
                assert response.status_code not in (403, 421)


def test_no_other_site_is_invited(patient):
    headers = {"Origin": "http://evil.example", "Access-Control-Request-Method": "POST"}
    for response in (patient.options("/", headers=headers), patient.get("/", headers=headers)):
        assert not any(name.startswith("Access-Control") for name, _ in response.headers)


def test_every_answer_tells_browsers_what_it_may_do(patient, routes):
    odd = [("GET", "/nothing"), ("PUT", "/"), ("OPTIONS", "/"), ("GET", "/static/nothing")]
    odd += [("GET", "/jobs/unknown"), ("GET", "/jobs//x")]
    for method, address in [*routes, *odd]:
        for host in ("localhost", "evil.example"):
            with patient.open(address, method=method, headers={"Host": host}) as response:
                told = {name: response.headers.get(name) for name in HEADERS}
                assert told == HEADERS, f"{method} {address}"


def test_a_page_may_load_what_we_serve_and_run_no_script_of_its_own(patient):
    policy = patient.get("/").headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert "http" not in policy


DRAINING = {environ.DRAINING: True}
STOPPING = "The server is stopping: try again in a minute."


def test_a_server_that_stops_takes_nothing_new(patient, by_hand):
    response = patient.post("/", data={"seed": "7"}, environ_overrides=DRAINING)
    assert (response.status_code, response.headers["Retry-After"]) == (503, "60")
    assert alert(response) == STOPPING
    assert 'value="7"' in response.text
    response = patient.get("/generate-image?prompt=x", environ_overrides=DRAINING)
    assert (response.status_code, response.headers["Retry-After"]) == (503, "60")
    assert response.json == {"error": STOPPING, "field": None}
    assert by_hand.generator.stats().jobs == 0


def test_a_server_that_stops_still_answers_for_what_it_has(patient, by_hand):
    job = job_of(by_hand, upload(patient))
    address = f"/jobs/{job.id}"
    for path in ("/", address, f"{address}/original.jpg"):
        assert patient.get(path, environ_overrides=DRAINING).status_code == 200
    asked = patient.get(address, headers=JSON, environ_overrides=DRAINING)
    assert asked.json["status"] == "captioning"
    cancelled = patient.post(f"{address}/cancel", headers=JSON, environ_overrides=DRAINING)
    assert cancelled.json["status"] == "cancelled"
    events = patient.get(f"{address}/events", environ_overrides=DRAINING)
    assert "event: cancelled" in events.text
