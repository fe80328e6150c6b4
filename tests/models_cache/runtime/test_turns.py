"""Whose turn it is."""

import random
from collections import Counter

import pytest

from models_cache.runtime.turns import MOST_TURNS, Turns


def order(turns: Turns, waiting: str) -> str:
    """Letters are clients; a waiting piece of work is its client's letter and its number."""
    numbers: Counter[str] = Counter()
    items = []
    for who in waiting:
        numbers[who] += 1
        items.append((who, numbers[who]))
    ordered = turns.in_order(items, lambda item: item[0])
    for who in numbers:
        assert [n for each, n in ordered if each == who] == list(range(1, numbers[who] + 1))
    return "".join(who for who, _ in ordered)


@pytest.mark.parametrize(
    ("waiting", "expected"),
    [("", ""), ("aaa", "aaa"), ("aaab", "abaa"), ("aabbc", "abcab"), ("aaaabc", "abcaaa")],
)
def test_of_new_clients_who_came_first_begins_and_then_they_take_turns(waiting, expected):
    assert order(Turns(), waiting) == expected


def test_whose_last_turn_is_longest_ago_is_next():
    turns = Turns()
    turns.took("abab")
    assert order(turns, "bbaa") == "abab"
    turns.took("a")
    assert order(turns, "aabb") == "baba"
    assert order(turns, "aabbc") == "cbaba"


def test_whoever_is_forgotten_is_new():
    turns = Turns()
    turns.took("abc")
    turns.keep({"c"})
    assert order(turns, "cba") == "bac"


def test_whoever_had_a_turn_since_is_not_forgotten():
    """Coming anew each time is no way to come first each time."""
    turns = Turns()
    turns.took("abc")
    turns.keep({"b"})
    assert order(turns, "cab") == "abc"
    turns.keep({"b", "d"})  # a new one waits
    assert order(turns, "dcb") == "dbc"


def test_no_more_are_remembered_than_a_thousand():
    turns = Turns()
    for who in range(5000):
        turns.took([who])
        turns.keep({"new"})
    assert len(turns._latest) == MOST_TURNS
    turns.keep(set())
    assert turns._latest == {}


def test_the_order_that_is_told_is_the_order_that_comes():
    rng = random.Random(3)
    for _ in range(200):
        turns = Turns()
        turns.took(rng.choices("abc", k=rng.randrange(4)))
        waiting = list("".join(rng.choices("abcd", k=9)))
        told, came = order(turns, "".join(waiting)), ""
        while waiting:
            following = order(turns, "".join(waiting))[0]
            turns.took(following)
            waiting.remove(following)
            came += following
        assert came == told
