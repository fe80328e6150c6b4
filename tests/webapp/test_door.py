"""Who is let in: by a header, by the page's form, by an invitation, and by nothing else."""

import logging
import re
from dataclasses import replace

import pytest
from door_keys import ANNA, BERT, basic, bearer, door_keys
from routes import address
from tiny_server import ask, run_in_thread
from web_client import JSON, alert, job_of, upload

from webapp import invitations
from webapp.environ import DRAINING, REFUSAL
from webapp.limits import Limits
from webapp.server import Server, bind
from webapp.sessions import COOKIE
from webapp.tries import MOST_WRONG

WRONG = [
    {},
    bearer("another-key-0123456789"),
    bearer(ANNA[:-1]),
    bearer(f"{ANNA}0"),
    bearer(ANNA.upper()),
    bearer("anna"),
    bearer(""),
    {"Authorization": "Bearer"},
    {"Authorization": ANNA},
    {"Authorization": f"Digest {ANNA}"},
    {"Authorization": "Basic %%%"},
    {"Authorization": "Bearer caf\xe9-0123456789-0123"},
    basic("wrong", "anna"),
    basic("", ANNA),
    {"Cookie": f"{COOKIE}={ANNA}"},
    {"Cookie": f"{COOKIE}=anna"},
    {"Cookie": f"{COOKIE}=anna.ZZZZ.{'x' * 43}"},
    {"X-Api-Key": ANNA},
]
OPEN = {
    ("GET", "/healthz"),
    ("GET", "/readyz"),
    ("GET", "/enter"),
    ("POST", "/enter"),
    ("GET", "/invitation/<token>"),
    ("POST", "/invitation/<token>"),
}


def routes(app):
    """Method and rule of all that there is."""
    for rule in app.url_map.iter_rules():
        for method in rule.methods:
            yield method, rule.rule


def sign_in(client, key=ANNA, **fields):
    return client.post("/enter", data={"key": key, **fields})


@pytest.mark.slow
def test_every_route_but_the_open_ones_needs_a_key(locked, by_hand):
    """Promise 3: a walk along all that the app serves, with everything but a key."""
    app, walked = locked.application, 0
    for method, rule in routes(app):
        if (method.replace("HEAD", "GET"), rule) in OPEN or method == "OPTIONS":
            continue
        for headers in WRONG:
            app.extensions["services"].tries._wrong.clear()
            response = locked.open(address(rule, job_id="0" * 32), method=method, headers=headers)
            assert response.status_code == 401, (method, rule, headers)
            assert response.headers["WWW-Authenticate"] == 'Bearer realm="Lookalike server"'
            assert "Set-Cookie" not in response.headers
            response.close()
            walked += 1
    assert walked > 25 * len(WRONG)
    assert by_hand.generator.stats().jobs == 0


@pytest.mark.parametrize("method", ["OPTIONS", "PUT", "DELETE", "BREW"])
def test_nor_does_any_other_method_or_address(locked, method):
    for path in ("/", "/nothing", "/generate-image", "/static/studio.js", "/static/nothing"):
        assert locked.open(path, method=method).status_code == 401


def test_without_a_key_there_is_the_page_that_asks_for_one_with_its_style_alone(locked):
    assert {rule for rule in routes(locked.application) if rule[1].startswith("/static")} == {
        ("GET", "/static/<path:filename>"),
        ("HEAD", "/static/<path:filename>"),
        ("OPTIONS", "/static/<path:filename>"),
    }
    page = locked.get("/jobs/x?fill=yes")
    assert page.status_code == 401
    assert page.headers["Cache-Control"] == "no-store"
    assert "Who is there?" in page.text
    assert alert(page) is None
    assert 'type="password"' in page.text
    assert 'name="next" value="/jobs/x?fill=yes"' in page.text
    needed = re.findall(r'(?:href|src)="(/[^"]+)"', page.text)
    assert {*needed} == {"/static/style.css", "/static/icon.svg"}
    for path in needed:
        with locked.get(path) as response:
            assert response.status_code == 200
    for path in ("/static/./style.css", "/static//style.css", "/static/examples/../style.css"):
        assert locked.get(path).status_code in (401, 404)


@pytest.mark.slow
def test_both_ports_are_guarded(locked):
    server = Server(locked.application, bind("127.0.0.1", [0, 0]), Limits(threads=2))
    with run_in_thread(server):
        for port in server.ports:
            for path, status in (
                ("/", b"401"),
                ("/generate-image?prompt=x", b"401"),
                ("/healthz", b"503"),  # no engine runs
            ):
                assert ask(port, path).split()[1] == status


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_health_needs_no_key(locked, path):
    assert locked.get(path).json["status"] in ("ok", "ready", "not ready", "an engine has died")


@pytest.mark.slow
@pytest.mark.parametrize("headers", [bearer(ANNA), bearer(BERT), basic(BERT), basic(ANNA, "")])
def test_a_key_opens_every_route(locked, by_hand, headers):
    job = job_of(by_hand, upload(locked, headers=headers))
    job.cancel()
    for method, rule in routes(locked.application):
        path = address(rule, job_id=job.id)
        if method in ("GET", "HEAD", "OPTIONS") and rule != "/generate-image":
            with locked.open(path, method=method, headers=headers) as response:
                assert response.status_code not in (401, 403, 429), (method, rule)


def test_programs_are_told_in_json_what_to_send(locked):
    for path, headers in (("/generate-image?prompt=x", {}), ("/", JSON)):
        response = locked.get(path, headers=headers)
        sentence = "This server needs a key: send it as Authorization: Bearer KEY."
        assert response.json == {"error": sentence, "field": None}
        response = locked.get(path, headers=headers | bearer("wrong"))
        sentence = "This is not a key of this server: look at it again."
        assert (response.status_code, response.json["error"]) == (401, sentence)


def test_whoever_has_no_key_is_shown_no_other_refusal_either(locked):
    """Not that a server stops, that a form is too large, or what its fields are."""
    for environ in ({DRAINING: True}, {REFUSAL: RuntimeError()}, {"CONTENT_LENGTH": str(10**9)}):
        page = {"Accept": "text/html"}
        response = locked.post("/", headers=page, data={"seed": "7"}, environ_overrides=environ)
        assert response.status_code == 401
        assert "Who is there?" in response.text
    response = locked.post("/", headers={"Origin": "http://evil.example"})
    assert "Options" not in response.text


def test_the_form_lets_a_browser_in_to_where_it_wanted_to_go(locked):
    response = sign_in(locked, f" {ANNA} ", next="/jobs/x?fill=yes")
    assert (response.status_code, response.location) == (303, "/jobs/x?fill=yes")
    assert locked.get("/").status_code == 200
    with locked.get("/static/studio.js") as script:
        assert script.status_code == 200


@pytest.mark.parametrize(
    "elsewhere",
    ["", "//evil.example", "/\\evil.example", "http://evil.example", "javascript:alert(1)"]
    + ["/a\r\nX: 1", " //evil.example", "/é", "\\\\evil.example"],
)
def test_the_form_leads_nowhere_else(locked, elsewhere):
    assert sign_in(locked, next=elsewhere).location == "/"


def test_a_wrong_key_is_said_and_not_repeated(locked):
    response = sign_in(locked, "a-wrong-key-0123456789", next="/about")
    assert response.status_code == 401
    assert alert(response) == "This is not a key of this server: look at it again."
    assert "a-wrong-key" not in response.text
    assert COOKIE not in response.headers.get("Set-Cookie", "")
    assert locked.get("/enter").location == "/"


def test_after_ten_wrong_keys_an_address_waits_whatever_way_it_tries(locked):
    for number in range(MOST_WRONG // 2):
        assert sign_in(locked, f"wrong{number}").status_code == 401
        assert locked.get("/", headers=bearer(f"wrong{number}")).status_code == 401
    for refused in (sign_in(locked), locked.get("/", headers=bearer(ANNA))):
        assert (refused.status_code, refused.headers["Retry-After"]) == (429, "60")
        assert alert(refused) == "Too many wrong keys came from here: try again in 60 seconds."
    elsewhere = {"REMOTE_ADDR": "192.168.1.8"}
    assert locked.get("/", headers=bearer(ANNA), environ_overrides=elsewhere).status_code == 200


def test_a_browser_that_is_in_stays_in_while_its_address_waits(locked):
    sign_in(locked)
    other = locked.application.test_client()
    for _ in range(MOST_WRONG + 1):
        last = sign_in(other, "wrong")
    assert last.status_code == 429
    assert locked.get("/").status_code == 200


def test_requests_without_a_key_are_no_tries(locked):
    for _ in range(MOST_WRONG + 5):
        locked.get("/")
        locked.get("/", headers={"Cookie": f"{COOKIE}=anna.old.cookie"})
    assert sign_in(locked).status_code == 303


@pytest.mark.parametrize(
    ("first", "second", "is_one"),
    [
        ("2001:db8:0:1::1", "2001:db8:0:1:ffff::9", True),
        ("2001:db8:0:1::1", "2001:db8:0:2::1", False),
        ("::ffff:192.168.1.8", "192.168.1.8", True),
        ("192.168.1.8", "192.168.1.9", False),
    ],
)
def test_a_network_of_ipv6_counts_as_one_address(locked, first, second, is_one):
    for _ in range(MOST_WRONG):
        locked.get("/", headers=bearer("wrong"), environ_overrides={"REMOTE_ADDR": first})
    answer = locked.get("/", headers=bearer(ANNA), environ_overrides={"REMOTE_ADDR": second})
    assert answer.status_code == (429 if is_one else 200)


# A server without keys


def test_without_a_key_file_the_door_is_open_and_leads_nowhere(patient):
    assert patient.get("/").status_code == 200
    token = invitations.make(ANNA)
    answers = [patient.get(f"/invitation/{token}"), patient.post(f"/invitation/{token}")]
    for answer in (*answers, sign_in(patient)):
        assert answer.status_code == 404
        assert "Set-Cookie" not in answer.headers


# Secrets


class BrokenCaptioner:
    is_alive = is_ready = True
    replicas = None

    def submit(self, request, client):
        raise RuntimeError


def test_no_key_is_in_an_answer_a_log_or_an_error(locked, by_hand, caplog):
    caplog.set_level(logging.DEBUG)
    app = locked.application
    app.testing = False
    broken = replace(by_hand, keys=door_keys(), captioner=BrokenCaptioner())
    app.extensions["services"] = broken
    told = ""
    for key in (ANNA, BERT):
        wrong = key[:-1]
        for headers in (bearer(key), basic(key), bearer(wrong)):
            for answer in (app.test_client().get("/", headers=headers), upload(app.test_client())):
                told += answer.text + str(answer.headers)
            told += upload(app.test_client(), headers=headers).text
        answer = sign_in(locked, key)
        told += answer.text + str(answer.headers) + locked.get("/").text
        told += sign_in(locked, wrong).text
    assert "Traceback" in caplog.text
    for secret in (ANNA[:-1], BERT[:-1]):
        assert secret not in told
        assert secret not in caplog.text
