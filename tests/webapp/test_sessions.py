"""The cookie of a browser that was let in: what it is, and when it ends."""

import time
from http.cookies import SimpleCookie

import pytest
from door_keys import ANNA, BERT, door_keys

from webapp.sessions import COOKIE, MAX_AGE_SECONDS, PURPOSE
from webapp.signatures import Signer

DAY = 24 * 3600


@pytest.fixture
def cookie(locked):
    """What the door sets for Anna."""
    return SimpleCookie(locked.post("/enter", data={"key": ANNA}).headers["Set-Cookie"])[COOKIE]


def is_in(locked, value):
    client = locked.application.test_client()
    client.set_cookie(COOKIE, value)
    return client.get("/").status_code == 200


def signed(key=ANNA, name="anna", purpose=PURPOSE, days_ago=0.0):
    signer = Signer(key, purpose, lambda: time.time() - days_ago * DAY)
    return signer.sign(name).decode()


def test_no_script_reads_the_cookie_no_other_site_sends_it_and_it_is_good_for_90_days(cookie):
    assert (cookie["httponly"], cookie["samesite"], cookie["path"]) == (True, "Strict", "/")
    assert (cookie["domain"], cookie["secure"]) == ("", "")
    assert int(cookie["max-age"]) == MAX_AGE_SECONDS == 90 * DAY


def test_over_https_the_cookie_is_for_https_alone(locked):
    answer = locked.post("/enter", data={"key": ANNA}, base_url="https://localhost")
    assert SimpleCookie(answer.headers["Set-Cookie"])[COOKIE]["secure"]


def test_the_cookie_opens_the_door_and_is_not_the_key(locked, cookie):
    assert is_in(locked, cookie.value)
    assert ANNA not in cookie.value
    answer = locked.get("/", headers={"Authorization": f"Bearer {cookie.value}", "Cookie": ""})
    assert answer.status_code == 200  # by the client's own cookie
    alone = locked.application.test_client()
    assert alone.post("/enter", data={"key": cookie.value}).status_code == 401


def test_what_the_server_signed_is_good_as_it_is_and_not_otherwise(locked, cookie):
    name, time, signature = cookie.value.split(".")
    for wrong in (
        f"bert.{time}.{signature}",
        f"anna.A{time}.{signature}",
        f"anna.{time}.{signature[:-2]}",
        f"anna.{time}.",
        f"anna.{signature}",
        f"anna.x.{time}.{signature}",
        f"nobody.{time}.{signature}",
        "\xff",
        "x" * 4000,
    ):
        assert not is_in(locked, wrong), wrong


@pytest.mark.parametrize(("days_ago", "is_good"), [(0, True), (89.9, True), (90.1, False)])
def test_the_server_counts_the_90_days_itself(locked, days_ago, is_good):
    assert is_in(locked, signed(days_ago=days_ago)) is is_good


def test_a_cookie_of_the_future_or_signed_for_another_purpose_or_by_another_key_is_none(locked):
    assert is_in(locked, signed())
    assert not is_in(locked, signed(days_ago=-1))
    assert not is_in(locked, signed(purpose="invitation"))
    assert not is_in(locked, signed(BERT))
    assert is_in(locked, signed(BERT, "bert"))


def test_a_key_that_is_taken_away_or_changed_takes_its_cookies_with_it(locked, cookie):
    keys = locked.application.extensions["services"].keys
    berts = signed(BERT, "bert")
    keys.by_name = {"anna": f"{ANNA}-new", "bert": BERT}
    assert not is_in(locked, cookie.value)
    assert is_in(locked, berts)
    keys.by_name = {"anna": ANNA}
    assert is_in(locked, cookie.value)
    assert not is_in(locked, berts)


def test_a_restart_does_not_end_a_cookie(locked, cookie):
    services = locked.application.extensions["services"]
    object.__setattr__(services, "keys", door_keys())
    assert is_in(locked, cookie.value)
