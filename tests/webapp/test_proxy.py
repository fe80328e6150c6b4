"""Behind a proxy: who is believed, about what, and what follows from it."""

import re
from http.cookies import SimpleCookie

import pytest
from door_keys import ANNA, bearer, door_keys
from shared_app import client_of
from web_client import JSON, job_of, upload

from webapp.settings import Settings

PROXY = "10.0.0.1"
FORWARDED = {
    "X-Forwarded-For": "1.2.3.4, 5.6.7.8",
    "X-Forwarded-Proto": "https",
    "X-Forwarded-Prefix": "/lookalike",
    "Host": "photos.example.org",
}


@pytest.fixture
def client(by_hand):
    """What the proxy sends."""
    object.__setattr__(by_hand, "keys", door_keys())
    allowed = ("photos.example.org",)
    settings = Settings(trusted_proxy=PROXY, allowed_host=allowed, insecure_open=True)
    client = client_of(by_hand, settings)
    client.environ_base["REMOTE_ADDR"] = PROXY
    return client


def addresses(page):
    """The page's own, in links, forms and scripts."""
    return re.findall(r'(?:href|src|action|formaction|data-\w+)="(/[^"]*)"', page.text)


def test_the_proxy_is_believed_about_its_client(client, by_hand):
    job = job_of_answer(upload(client, headers=FORWARDED | bearer(ANNA)), by_hand)
    assert job.client == "anna 5.6.7.8"


def job_of_answer(response, services):
    assert response.location.startswith("/lookalike/jobs/")
    return services.jobs.get(response.location.rpartition("/")[2]).job


def test_the_proxy_is_known_by_its_address_of_ipv4_where_all_listen_on_ipv6(client, by_hand):
    client.environ_base["REMOTE_ADDR"] = f"::ffff:{PROXY}"
    job = job_of_answer(upload(client, headers=FORWARDED | bearer(ANNA)), by_hand)
    assert job.client == "anna 5.6.7.8"


def test_nobody_else_is_believed(client, by_hand):
    client.environ_base["REMOTE_ADDR"] = "10.0.0.2"
    response = upload(client, headers=FORWARDED | bearer(ANNA))
    assert job_of(by_hand, response).client == "anna 10.0.0.2"
    entered = client.post("/enter", data={"key": ANNA}, headers=FORWARDED)
    cookie = SimpleCookie(entered.headers["Set-Cookie"])["lookalike_session"]
    assert (cookie["secure"], cookie["path"]) == ("", "/")


def test_a_server_without_a_proxy_believes_nobody(patient, by_hand):
    headers = FORWARDED | {"Host": "localhost"}
    assert job_of(by_hand, upload(patient, headers=headers)).client == " 127.0.0.1"


def test_cookies_are_for_https_and_for_the_path_in_front(client):
    entered = client.post("/enter", data={"key": ANNA, "next": ""}, headers=FORWARDED)
    assert entered.location == "/lookalike/"
    uploaded = upload(client, headers=FORWARDED | bearer(ANNA))
    for response, name in ((entered, "lookalike_session"), (uploaded, "mine")):
        cookie = SimpleCookie(response.headers["Set-Cookie"])[name]
        assert cookie["path"] == "/lookalike/"
    assert SimpleCookie(entered.headers["Set-Cookie"])["lookalike_session"]["secure"]


def test_every_address_of_every_page_has_the_path_in_front(client, by_hand):
    headers = FORWARDED | bearer(ANNA)
    job = job_of_answer(upload(client, headers=headers), by_hand)
    pages = ["/", f"/jobs/{job.id}", "/about", "/api", "/nothing"]
    found = [each for path in pages for each in addresses(client.get(path, headers=headers))]
    found += addresses(client.get("/jobs/x?fill=yes", headers=FORWARDED))
    assert len(found) > 40
    assert [each for each in found if not each.startswith("/lookalike/")] == []
    door = client.get("/jobs/x?fill=yes", headers=FORWARDED)
    assert 'value="/lookalike/jobs/x?fill=yes"' in door.text
    assert (
        "https://photos.example.org/lookalike/generate-image"
        in client.get("/api", headers=headers).text
    )


@pytest.mark.parametrize(
    ("origin", "status"),
    [("https://photos.example.org", 303), ("http://photos.example.org", 403), ("null", 403)],
)
def test_the_page_has_the_origin_that_the_browser_sees(client, origin, status):
    headers = FORWARDED | bearer(ANNA) | {"Origin": origin}
    assert upload(client, headers=headers).status_code == status


def test_the_host_is_the_one_that_the_browser_sent(client):
    """A page that bound its own name to the proxy could send this header, but no other Host."""
    headers = FORWARDED | {"Host": "evil.example", "X-Forwarded-Host": "photos.example.org"}
    assert client.get("/", headers=headers).status_code == 421


def test_wrong_keys_are_counted_by_client_and_not_by_proxy(client):
    for _ in range(11):
        last = client.get("/", headers=FORWARDED | bearer("wrong"))
    assert last.status_code == 429
    others = FORWARDED | {"X-Forwarded-For": "5.6.7.8, 9.9.9.9"}
    assert client.get("/", headers=others | bearer(ANNA) | JSON).status_code == 200
