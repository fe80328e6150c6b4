"""The fast path: candidates tried one by one, and given up for good when one fails later."""

import contextlib
import sys

import pytest
from doubling import Bench, Doubles, Network, path_of

from generator.fast.path import FastPath


@pytest.fixture
def network():
    return Network()


def test_a_path_without_trials_has_none_and_calls_what_it_is_given(network):
    plain = FastPath()
    assert not plain.has_trial
    assert not plain.has_more
    assert plain.call(network) == 1.0
    assert plain.name == ""


def test_each_turn_tries_one_candidate(network, capsys):
    first, second = Doubles("first", network), Doubles("slow", network)
    path = FastPath(lambda: [(first, Bench(network)), (second, Bench(network))])
    path.improve()
    assert [each.name for each in path.verdicts] == ["first"]
    path.improve()
    assert not path.has_more
    assert path.name == "first"
    told = capsys.readouterr().err.splitlines()
    assert told[0] == "Fast path: first: adopted, 0.50 of the time for 2."
    assert told[1].startswith("Fast path: slow: not adopted, ")


def test_a_candidate_that_is_prepared_elsewhere_is_not_tried_before(network):
    later = Doubles("later", network)
    later.is_ready = False
    path = path_of(network, later)
    path.improve()
    assert path.has_more
    assert not path.has_trial
    assert path.verdicts == ()
    later.is_ready = True
    assert path.has_trial


def test_trials_that_cannot_be_made_leave_the_plain_path(network, caplog):
    def fail():
        raise RuntimeError("no room for samples")

    path = FastPath(fail)
    path.improve()
    assert not path.has_more
    assert "no room for samples" in caplog.text


@pytest.mark.parametrize(
    ("error", "why"),
    [
        (float("nan"), "it gave NaN or infinity later on"),
        (float("inf"), "it gave NaN or infinity later on"),
        (RuntimeError("illegal\naddress"), "it fails (illegal) later on"),
        (MemoryError("1 GB"), "it fails (1 GB) later on"),
    ],
)
def test_what_fails_later_is_given_up_for_good_and_the_forward_is_repeated(network, error, why):
    first, second = Doubles("first", network), Doubles("second", network)
    path = path_of(network, first, second)
    assert path.name == "first, second"
    assert path.call(network) == 1.0
    second.error = error
    assert path.call(network) == 1.0
    assert network.on == []
    assert path.name == ""
    assert path.verdicts[-1].why == why
    assert path.verdicts[-1].name == "first, second"
    second.error = 0.0
    calls = network.calls
    assert path.call(network) == 1.0
    assert network.calls == calls + 1


def test_nothing_more_is_tried_after_that(network):
    first, left = Doubles("first", network), Doubles("left", network)
    left.is_ready = False
    path = path_of(network, first, left)
    first.error = float("nan")
    path.call(network)
    assert not path.has_more


@pytest.mark.parametrize("own", [float("nan"), RuntimeError("a bad request"), MemoryError("full")])
def test_a_request_that_the_plain_path_fails_at_too_costs_nothing(network, own):
    path = path_of(network, Doubles("first", network))
    network.own = own
    if isinstance(own, Exception):
        with pytest.raises(type(own)):
            path.call(network)
    else:
        assert path.call(network).isnan()
    network.own = 1.0
    assert path.name == "first"
    assert [each.name for each in network.on] == ["first"]


def test_what_cannot_be_turned_on_again_stays_off_and_all_after_it(network):
    path = path_of(network, *(Doubles(name, network) for name in ("first", "second", "third")))
    second = network.on[1]
    network.own = MemoryError("full")
    second.turn_on = lambda: second.raise_()
    with pytest.raises(MemoryError):
        path.call(network)
    network.own = 1.0
    assert path.call(network) == 1.0
    assert path.name == "first"
    assert [each.name for each in network.on] == ["first"]
    assert path.verdicts[-1].name == "second"


def test_what_cannot_be_turned_off_is_no_end_of_the_engine(network):
    stuck, first = Doubles("slow", network), Doubles("first", network)
    stuck.turn_off = lambda: stuck.raise_()
    path = path_of(network, stuck, first)
    assert path.verdicts[0].why == "it fails here (no memory)"
    assert path.name == "first"


def test_nobody_who_reads_the_log_is_no_reason_to_fail(network, monkeypatch):
    """Its disk is full, or the reader of a pipe has gone."""
    with open("/dev/full", "w", buffering=1) as full:
        monkeypatch.setattr(sys, "stderr", full)
        path = path_of(network, Doubles("first", network))
        with contextlib.suppress(OSError):
            full.close()
    assert (path.name, len(path.verdicts)) == ("first", 1)


def test_what_is_not_adopted_leaves_nothing_and_what_was_drops_what_it_made_for_that(network):
    first, slow = Doubles("first", network), Doubles("slow", network)
    path_of(network, first, slow)
    assert (first.forgot, slow.forgot) == ("unused", "all")
