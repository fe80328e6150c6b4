"""What one start found is known to the next, and no accident is taken for a verdict."""

import json
import os

import pytest
from doubling import Doubles, Network, path_of

from generator.fast.history import BEGUN, ENDED, History
from generator.fast.path import FastPath
from models_cache.runtime.trial import NotNow, Verdict


@pytest.fixture
def network():
    return Network()


@pytest.fixture
def history(tmp_path):
    return History(tmp_path / "compiled" / "verdicts.json", "this card")


def test_what_was_slower_at_two_starts_is_tried_no_more(network, history):
    """At one start other work may have slowed it."""
    whys = []
    for _ in range(3):
        candidates = Doubles("slow", network), Doubles("first", network)
        path = path_of(network, *candidates, history=history)
        network.on.clear()
        whys.append(path.verdicts[0].why)
        assert path.name == "first"
    why = "1.00 of the time for 2"
    assert whys == [why, why, f"{why} (found earlier)"]


def test_what_was_adopted_in_between_was_not_slower_at_two_starts(history):
    for adopted in (False, True, False):
        history.end(Verdict("graphs", adopted, "1.03 of the time", slower=not adopted))
        assert history.why_not("graphs") == ""
    history.end(Verdict("graphs", False, "1.03 of the time", slower=True))
    assert history.why_not("graphs") == "1.03 of the time (found earlier)"


def test_what_gives_something_else_is_not_tried_at_the_next_start(history):
    history.end(Verdict("graphs", False, "it gives something else"))
    assert history.why_not("graphs") == "it gives something else (found earlier)"


def test_what_ended_the_process_is_never_tried_again(network, history):
    class Ends(Doubles):
        def turn_on(self):
            raise SystemExit

    for _ in range(2):  # once may have been a stop that somebody asked for
        with pytest.raises(SystemExit):
            path_of(network, Ends("graphs", network), history=history)
    again = path_of(network, Ends("graphs", network), history=history)
    assert again.verdicts[0].why == ENDED


def test_a_stop_in_the_middle_of_a_trial_is_no_end_that_it_caused(history):
    for _ in range(3):
        history.begin("graphs")
        assert history.why_not("graphs") == ""
        FastPath(history=history).abandon()


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
    for _ in range(2):
        path_of(network, Doubles("slow", network), history=history)
    slow = Doubles("slow", network)
    slow.is_prepared = lambda: pytest.fail("it is prepared")
    assert path_of(network, slow, history=history).verdicts[0].why.endswith("(found earlier)")


def test_another_card_or_driver_has_a_history_of_its_own(network, history):
    for _ in range(2):
        path_of(network, Doubles("slow", network), history=history)
    assert history.why_not("slow")
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
