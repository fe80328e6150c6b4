"""Memory is short: graphs are not made, or given up and made again, and nothing else is lost."""

from types import SimpleNamespace

import pytest
import torch
from torch import nn

from generator.fast import trials as trials_module
from generator.fast.graphs import IDLE_CALLS, Graphs
from generator.fast.history import History
from generator.fast.path import FastPath
from generator.fast.trials import room_for_graphs
from models_cache.runtime.device import OutOfMemory
from models_cache.runtime.gpu_fit import RESERVE_BYTES, STEP_BYTES_PER_PIXEL, Placement

FULL = torch.OutOfMemoryError("CUDA out of memory.")
CPU = torch.device("cpu")
GB = 10**9


class Hoard:
    """Keeps the device's memory until it is told to forget."""

    name = "graphs"
    lacked_room = False

    def __init__(self) -> None:
        self.keeps = False
        self.turned_off = 0

    def is_prepared(self):
        return True

    def turn_on(self):
        pass

    def turn_off(self):
        self.turned_off += 1

    def forget(self):
        self.keeps = False

    def forget_unused(self):
        pass


class Bench:
    """Finds all the same, and twice as fast while ``on``."""

    sizes = (2,)

    def __init__(self):
        self.calls = 0

    def outputs(self):
        return []

    def difference(self, expected, got):
        return ""

    def seconds(self, size):
        self.calls += 1
        return 1.0 if self.calls > 1 and self.calls % 2 else 0.5

    def problem(self):
        return ""


@pytest.fixture
def hoard():
    return Hoard()


@pytest.fixture
def path(hoard):
    made = FastPath(lambda: [(hoard, Bench())])
    while made.has_trial:
        made.improve()
    assert made.name == "graphs"
    hoard.keeps, hoard.turned_off = True, 0
    return made


def needing(hoard):
    def work():
        if hoard.keeps:
            raise FULL
        return torch.ones(1)

    return work


def test_a_forward_without_room_is_made_again_once_the_graphs_are_gone(path, hoard):
    assert path.call(needing(hoard)) == 1
    assert (path.name, hoard.turned_off, len(path.verdicts)) == ("graphs", 0, 1)


def test_so_is_what_comes_before_the_forwards(path, hoard):
    assert path.with_room(needing(hoard)) == 1
    assert path.name == "graphs"


def test_what_finds_no_room_then_either_fails_and_costs_no_candidate(path, hoard):
    hoard.forget = lambda: None
    with pytest.raises(torch.OutOfMemoryError):
        path.with_room(needing(hoard))
    with pytest.raises(torch.OutOfMemoryError):
        path.call(needing(hoard))
    assert path.name == "graphs"


def test_where_nothing_is_on_it_is_not_tried_again(hoard):
    hoard.keeps, calls = True, []
    with pytest.raises(OutOfMemory):
        FastPath().with_room(lambda: calls.append(1) or needing(hoard)())
    assert calls == [1]


@pytest.mark.parametrize("is_forgotten", [False, True])
def test_no_graph_is_made_where_there_is_no_room_and_room_is_not_looked_for_each_time(is_forgotten):
    """To look is to read through all blocks of memory."""
    captured, asked = [], []
    graphs = Graphs(
        "UNet",
        nn.Identity(),
        lambda call: captured.append(1) or (lambda: None, call()),
        lambda latents: asked.append(1) or len(asked) > 1,
    )
    graphs.turn_on()
    for _ in range(IDLE_CALLS + 1):  # the first of all is never captured
        graphs.module(torch.ones(2))
    assert graphs.lacked_room
    assert (len(asked), len(captured)) == (1, 0)
    if is_forgotten:
        graphs.forget()
        graphs.module(torch.ones(2))  # the first again
    graphs.module(torch.ones(2))
    assert (len(asked), len(captured)) == (2, 1)


def test_such_a_verdict_is_of_this_start_alone(hoard, tmp_path):
    history, bench = History(tmp_path / "verdicts.json", "this card"), Bench()
    bench.seconds = lambda size: 1.0
    why = "1.00 of the time for 2 (found earlier)"
    for hoard.lacked_room, kept in ((True, ""), (False, ""), (False, why)):
        FastPath(lambda: [(hoard, bench)], history).improve()
        assert history.why_not("graphs") == kept


def test_the_graph_of_an_image_leaves_room_for_a_batch_and_for_encoders(monkeypatch):
    pipeline = SimpleNamespace(
        vae_scale_factor=8,
        text_encoder=SimpleNamespace(get_memory_footprint=lambda: GB),
        text_encoder_2=SimpleNamespace(get_memory_footprint=lambda: GB),
    )
    painter = SimpleNamespace(pipeline=pipeline, device=CPU)
    latents = torch.zeros(2, 4, 128, 128)
    graph = STEP_BYTES_PER_PIXEL * 1024 * 1024
    for lock, coming in ((None, 0), (object(), 2 * GB)):
        has_room = room_for_graphs(painter, Placement(CPU, lock), batch_bytes=GB)
        enough = graph + GB + coming + RESERVE_BYTES
        for free, expected in ((enough, True), (enough - 1, False), (None, True)):
            monkeypatch.setattr(trials_module, "free_bytes", lambda device, free=free: free)
            assert has_room(latents) is expected
    monkeypatch.setattr(trials_module, "free_bytes", lambda device: enough)
    assert not has_room(torch.cat([latents, latents]))
