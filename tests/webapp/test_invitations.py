"""Invitations: good once, for a day, and for the server that was running when they were made."""

import base64
from concurrent.futures import ThreadPoolExecutor

import pytest
from door_keys import ANNA, BERT, Clock, door_keys

from webapp.invitations import MAX_AGE_SECONDS, Invitations, make
from webapp.keys import Keys
from webapp.signatures import Signer

HOUR = 3600.0


@pytest.fixture
def clock() -> Clock:
    return Clock(1_800_000_000.5)


@pytest.fixture
def invitations(clock: Clock) -> Invitations:
    return Invitations(clock, clock())


@pytest.fixture
def keys() -> Keys:
    return door_keys()


def test_an_invitation_is_good_once(invitations, keys, clock):
    token, other = make(ANNA, clock), make(BERT, clock)
    assert token != make(ANNA, clock)
    assert [invitations.name_of(token, keys) for _ in range(3)] == ["anna"] * 3
    assert invitations.use(token, keys) == "anna"
    assert invitations.use(token, keys) is None
    assert invitations.name_of(token, keys) is None
    assert invitations.use(other, keys) == "bert"


def test_of_many_that_use_it_at_once_one_does(invitations, keys, clock):
    token = make(ANNA, clock)
    with ThreadPoolExecutor(16) as pool:
        names = list(pool.map(lambda _: invitations.use(token, keys), range(64)))
    assert names.count("anna") == 1


def test_it_is_good_for_a_day(invitations, keys, clock):
    late, too_late = make(ANNA, clock), make(ANNA, clock)
    clock.now += MAX_AGE_SECONDS
    assert invitations.use(late, keys) == "anna"
    clock.now += 1
    assert invitations.use(too_late, keys) is None
    assert invitations.use(late, keys) is None


def test_other_spellings_of_a_used_one_are_used(invitations, keys, clock):
    """Several spellings in base64 are one signature."""
    token = make(ANNA, clock)
    assert invitations.use(token, keys) == "anna"
    signature = token.rpartition(".")[2]
    last = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    spellings = [f"{token}=", f"{token}!", f"{token[:-5]}!{token[-5:]}"]
    spellings += [token[:-1] + letter for letter in last]
    same = [
        each
        for each in spellings
        if base64.urlsafe_b64decode(f"{each.rpartition('.')[2]}==")
        == base64.urlsafe_b64decode(f"{signature}==")
    ]
    assert len(same) > 3
    assert [invitations.use(each, keys) for each in spellings] == [None] * len(spellings)


def test_a_restart_makes_no_used_one_good_again(invitations, keys, clock):
    used, unused = make(ANNA, clock), make(ANNA, clock)
    assert invitations.use(used, keys) == "anna"
    clock.now += HOUR
    after_restart = Invitations(clock, clock())
    assert after_restart.use(used, keys) is None
    assert after_restart.use(unused, keys) is None
    assert after_restart.use(make(ANNA, clock), keys) == "anna"


def test_a_key_that_is_taken_away_takes_its_invitations_with_it(invitations, keys, clock):
    token = make(ANNA, clock)
    keys.by_name = {"bert": BERT}
    assert invitations.use(token, keys) is None


def test_what_is_signed_for_another_purpose_is_no_invitation(invitations, keys, clock):
    session = Signer(ANNA, "session", clock).sign("anna").decode()
    assert invitations.use(session, keys) is None


@pytest.mark.parametrize("token", ["", ".", "..", "x", "a.b.c", "é", "\ud800", "x" * 9000])
def test_junk_is_no_invitation(invitations, keys, token):
    assert invitations.use(token, keys) is None


def test_used_ones_are_forgotten_once_they_are_too_old(invitations, keys, clock):
    for _ in range(5):
        assert invitations.use(make(ANNA, clock), keys) == "anna"
    clock.now += MAX_AGE_SECONDS + 1
    assert invitations.use(make(ANNA, clock), keys) == "anna"
    assert len(invitations._used) == 1
