"""The part of the report that judges the fast path: each verdict once, as soon as it is there."""

from pathlib import Path

import pytest
import torch

from models_cache.runtime.trial import Verdict
from scripts.gpu_reports import fast_path
from scripts.gpu_reports.finding import Finding
from scripts.gpu_reports.subject import NO_CUDA, Subject


class FakePath:
    """Prepares, is not ready once, and then has two verdicts."""

    def __init__(self) -> None:
        self.verdicts: tuple[Verdict, ...] = ()
        self.turns = ["prepare", "wait", "first", "second"]

    @property
    def has_more(self) -> bool:
        return bool(self.turns)

    @property
    def has_trial(self) -> bool:
        return self.turns[0] != "wait"

    def improve(self) -> None:
        turn = self.turns.pop(0)
        if turn != "prepare":
            adopted = turn == "first"
            self.verdicts = (*self.verdicts, Verdict(turn, adopted, "0.90 of the time for 2"))


@pytest.fixture
def path(monkeypatch) -> FakePath:
    made = FakePath()
    monkeypatch.setattr(fast_path.time, "sleep", lambda seconds: made.turns.pop(0))
    return made


def test_each_verdict_is_told_once(path):
    assert list(fast_path.judged(path, path.improve)) == [
        Finding("first", "adopted, 0.90 of the time for 2"),
        Finding("second", "not adopted, 0.90 of the time for 2"),
    ]


def test_on_a_cpu_nothing_is_judged():
    subject = Subject("tiny", torch.device("cpu"), Path("nowhere"))
    assert list(fast_path.measure(subject)) == [Finding("the fast path", NO_CUDA)]
