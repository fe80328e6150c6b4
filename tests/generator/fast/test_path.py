"""The fast path: candidates tried one by one, and given up for good when one fails later."""

import json
import os

import pytest
import torch

from generator.fast.history import BEGUN, ENDED, History
from generator.fast.path import FastPath
from models_cache.runtime.trial import NotNow


class Doubles:
    """Adds ``error`` to what ``network`` gives while it is on; raises it if it is an exception."""

    def __init__(self, name, network, error=0.0):
        self.name = name
        self.network = network
        self.error = error
        self.is_ready = True
        self.lacked_room = False
        self.forgot = ""

    def is_prepared(self):
        return self.is_ready

    def raise_(self):
        raise RuntimeError("no memory")

    def turn_on(self):
        self.network.on.append(self)

    def turn_off(self):
        if self in self.network.on:
            self.network.on.remove(self)

    def forget(self):
        self.forgot = "all"

    def forget_unused(self):
        self.forgot = "unused"


class Network:
    """Gives ``own``, plus the errors of what is on."""

    def __init__(self, own=1.0):
        self.own = own
        self.on = []
        self.calls = 0

    def __call__(self):
        self.calls += 1
        for each in self.on:
            if isinstance(each.error, Exception):
                raise each.error
        if isinstance(self.own, Exception):
            raise self.own
        return torch.tensor([[self.own + sum(each.error for each in self.on)]])


class Bench:
    """Finds whatever is on right, and faster, unless its name is "slow"."""

    sizes = (2,)

    def __init__(self, network):
        self.network = network

    def outputs(self):
        return []

    def difference(self, expected, got):
        return ""

    def seconds(self, size):
        return 0.5 ** sum(each.name != "slow" for each in self.network.on)

    def problem(self):
        return ""


@pytest.fixture
def network():
    return Network()


@pytest.fixture
def history(tmp_path):
    return History(tmp_path / "compiled" / "verdicts.json", "this card")


def path_of(network, *candidates, history=None):
    made = FastPath(lambda: [(each, Bench(network)) for each in candidates], history)
    while made.has_trial:
        made.improve()
    return made


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


def test_what_was_not_adopted_is_not_tried_at_the_next_start(network, history):
    path_of(network, Doubles("slow", network), Doubles("first", network), history=history)
    network.on.clear()
    again = path_of(network, Doubles("slow", network), Doubles("first", network), history=history)
    assert again.verdicts[0].why == "1.00 of the time for 2 (found earlier)"
    assert again.name == "first"


def test_what_ended_the_process_is_never_tried_again(network, history):
    class Ends(Doubles):
        def turn_on(self):
            raise SystemExit

    for _ in range(2):  # once may have been a stop that somebody asked for
        with pytest.raises(SystemExit):
            path_of(network, Ends("graphs", network), history=history)
    again = path_of(network, Ends("graphs", network), history=history)
    assert again.verdicts[0].why == ENDED


def test_what_another_process_tries_just_now_has_not_ended_it(network, history):
    parent = str(os.getppid())
    history.file.parent.mkdir()
    history.file.write_text(json.dumps({history.key: {"graphs": BEGUN + parent}}))
    history.begin("graphs")
    assert history.why_not("graphs") == ""


def test_a_start_that_goes_well_clears_the_one_that_ended(network, history):
    for _ in range(2):
        history.begin("first")
        assert history.why_not("first") == ""
        path_of(network, Doubles("first", network), history=history)
        network.on.clear()
    assert history.why_not("first") == ""


def test_a_want_of_room_is_of_this_start_alone(network, history):
    class Greedy(Doubles):
        error_now = MemoryError("no room")

        def turn_on(self):
            raise self.error_now

    for error, why in ((MemoryError(), "it finds no room"), (NotNow("no process"), "no process")):
        Greedy.error_now = error
        assert path_of(network, Greedy("graphs", network), history=history).verdicts[0].why == why
        assert history.why_not("graphs") == ""


def test_what_is_not_to_be_tried_is_not_prepared_either(network, history):
    path_of(network, Doubles("slow", network), history=history)
    slow = Doubles("slow", network)
    slow.is_prepared = lambda: pytest.fail("it is prepared")
    assert path_of(network, slow, history=history).verdicts[0].why.endswith("(found earlier)")


def test_what_is_not_adopted_leaves_nothing_and_what_was_drops_what_it_made_for_that(network):
    first, slow = Doubles("first", network), Doubles("slow", network)
    path_of(network, first, slow)
    assert (first.forgot, slow.forgot) == ("unused", "all")


def test_another_card_or_driver_has_a_history_of_its_own(network, history):
    path_of(network, Doubles("slow", network), history=history)
    assert History(history.file, "another card").why_not("slow") == ""


@pytest.mark.parametrize(
    "content", ["", "{", "[]", '{"this card": 1}', '{"this card": {"slow": 1}}']
)
def test_a_damaged_history_is_as_good_as_none(history, content):
    history.file.parent.mkdir(parents=True)
    history.file.write_text(content)
    history.begin("first")
    history.begin("first")
    assert json.loads(history.file.read_text())["this card"]["first"] == ENDED


def test_a_folder_that_cannot_be_written_stops_nothing(network, tmp_path):
    (tmp_path / "file").write_text("no folder")
    history = History(tmp_path / "file" / "verdicts.json", "this card")
    assert path_of(network, Doubles("first", network), history=history).name == "first"
