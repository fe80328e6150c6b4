"""Wrong keys are counted, and whoever tries too many waits."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from door_keys import Clock

from webapp.tries import MOST_ADDRESSES, MOST_WRONG, WAIT_SECONDS, TooManyTries, Tries


@pytest.fixture
def clock() -> Clock:
    return Clock(5000.0)


@pytest.fixture
def tries(clock: Clock) -> Tries:
    return Tries(clock)


def is_refused(tries: Tries, address: str = "a", found: str | None = "anna") -> bool:
    try:
        assert tries.judge(address, lambda: found) == found
    except TooManyTries:
        return True
    return False


def wrong(tries: Tries, count: int = MOST_WRONG, address: str = "a") -> None:
    for _ in range(count):
        assert not is_refused(tries, address, None)


def test_after_ten_wrong_keys_an_address_waits_and_others_do_not(tries, clock):
    wrong(tries, 10)
    assert is_refused(tries)
    assert is_refused(tries, found=None)
    assert not is_refused(tries, "b")
    clock.now += WAIT_SECONDS - 0.5
    with pytest.raises(TooManyTries, match="try again in 1 seconds") as refused:
        tries.judge("a", lambda: "anna")
    assert refused.value.seconds == 1
    clock.now += 0.5
    assert not is_refused(tries)


def test_while_an_address_waits_nothing_is_compared(tries):
    wrong(tries)
    compared = []
    with pytest.raises(TooManyTries):
        tries.judge("a", lambda: compared.append(1))
    assert compared == []


def test_the_right_key_forgives_the_wrong_ones(tries):
    wrong(tries, 9)
    assert not is_refused(tries)
    wrong(tries, 10)
    assert is_refused(tries)


def test_wrong_keys_of_a_minute_ago_do_not_count(tries, clock):
    wrong(tries, 9)
    clock.now += WAIT_SECONDS
    wrong(tries, 10)


def test_waiting_is_not_prolonged_by_trying(tries, clock):
    wrong(tries)
    for _ in range(100):
        assert is_refused(tries)
    clock.now += WAIT_SECONDS
    wrong(tries, 10)
    assert is_refused(tries)


def test_many_at_once_are_no_way_around(tries):
    with ThreadPoolExecutor(20) as pool:
        refused = list(pool.map(lambda _: is_refused(tries, found=None), range(200)))
    assert refused.count(False) == MOST_WRONG


def test_a_flood_of_addresses_takes_no_more_memory_than_it_may(tries):
    for number in range(MOST_ADDRESSES + 500):
        wrong(tries, 1, f"{number}")
    assert len(tries._wrong) == MOST_ADDRESSES
