"""What CUDA graphs keep, as far as it shows without a GPU."""

import gc
from contextlib import nullcontext
from types import SimpleNamespace

import pytest
import torch

from models_cache.runtime import cuda_graph, device
from models_cache.runtime.cuda_graph import Streams

CUDA = torch.device("cuda:1")


class Graph:
    replay = None


def test_no_two_graphs_that_live_share_a_stream_and_one_that_is_back_is_lent_again():
    made = iter(range(10))
    streams = Streams(lambda like: next(made))
    like, other = (SimpleNamespace(device=CUDA, priority=priority) for priority in (0, -1))
    graphs = [Graph() for _ in range(3)]
    assert [streams.lend(each, like) for each in graphs] == [0, 1, 2]
    del graphs[1]
    gc.collect()
    later = Graph()
    assert streams.lend(graphs[0], other) == 3
    assert streams.lend(later, like) == 1
    assert streams.lend(Graph(), like) == 4


@pytest.fixture
def _card(monkeypatch):
    """5 GB are the process's, 3 of them tensors'; a graph keeps 1.5 of the rest."""
    segments = [
        {"device": 1, "total_size": 3500, "allocated_size": 3000, "segment_pool_id": (0, 0)},
        {"device": 1, "total_size": 1500, "allocated_size": 0, "segment_pool_id": (0, 1)},
        {"device": 0, "total_size": 9000, "allocated_size": 0, "segment_pool_id": (0, 1)},
    ]
    stand_ins = {
        "memory_snapshot": lambda: segments,
        "memory_reserved": lambda device: 5000,
        "memory_allocated": lambda device: 3000,
        "mem_get_info": lambda device: (10_000, 80_000),
    }
    for name, stand_in in stand_ins.items():
        monkeypatch.setattr(torch.cuda, name, stand_in)


@pytest.mark.usefixtures("_card")
def test_what_graphs_keep_is_not_free():
    assert device.free_bytes(CUDA) == 12_000  # without a graph nobody asks
    graph = Graph()
    cuda_graph.LIVE.add(graph)
    assert device.free_bytes(CUDA) == 10_500
    del graph
    gc.collect()
    assert device.free_bytes(CUDA) == 12_000


@pytest.fixture
def log(monkeypatch):
    """What a capture does with streams, on stand-ins for the card's."""
    log = []

    class Stream(SimpleNamespace):
        def wait_stream(self, other):
            log.append(f"{self.name} waits for {other.name}")

    own, side = (Stream(name=name, device=CUDA, priority=0) for name in ("own", "side"))
    monkeypatch.setattr(cuda_graph, "STREAMS", Streams(lambda like: side))
    monkeypatch.setattr(torch.cuda, "current_stream", lambda: own)
    monkeypatch.setattr(torch.cuda, "CUDAGraph", Graph)
    monkeypatch.setattr(torch.cuda, "stream", lambda stream: nullcontext())
    monkeypatch.setattr(torch.cuda, "graph", lambda *_, **options: nullcontext())
    return log


def test_what_a_failed_run_was_given_is_kept_until_its_kernels_have_run(log):
    """Freed before, its memory may be unmapped under them."""

    def call():
        log.append("launches")
        if len(log) > 2:
            raise torch.OutOfMemoryError

    with pytest.raises(torch.OutOfMemoryError):
        cuda_graph.capture_on_cuda(call)
    assert log == ["side waits for own", "launches", "launches", "own waits for side"]


def test_what_is_captured_was_run_before_and_is_waited_for(log):
    cuda_graph.capture_on_cuda(lambda: log.append("launches"))
    runs = ["launches"] * cuda_graph.WARM_UPS
    assert log == ["side waits for own", *runs, "own waits for side", "launches"]
