"""CUDA graphs: calls of a GPU that were made once, and are then all made by one."""

import weakref
from collections.abc import Callable
from threading import Lock
from typing import Any

import torch

WARM_UPS = 3  # what allocates or chooses kernels at its first runs must not do so in a capture

CAPTURING = Lock()  # PyTorch allows one capture in a process
NO_GRAPH = (0, 0)  # the pool of all memory that no graph keeps
LIVE: "weakref.WeakSet[object]" = weakref.WeakSet()  # graphs

# Given a call without arguments: what replays it, and the result that is then filled.
Capture = Callable[[Callable[[], Any]], tuple[Callable[[], None], Any]]


class Recorded:
    """A call with one tensor, captured for one shape. For the thread that owns the model.

    What it returns is written over by the next call.
    """

    def __init__(
        self, capture: Capture, call: Callable[[torch.Tensor], torch.Tensor], example: torch.Tensor
    ) -> None:
        self._held = example.clone()
        self._replay, self._result = capture(lambda: call(self._held))

    def takes(self, value: torch.Tensor) -> bool:
        return bool(value.shape == self._held.shape)

    def __call__(self, value: torch.Tensor) -> torch.Tensor:
        self._held.copy_(value)
        self._replay()
        result: torch.Tensor = self._result
        return result


class Streams:
    """Lends each graph a stream that no other one has: what goes with a graph goes by its stream.

    PyTorch's own streams come round after 32, and a graph that goes takes cuBLAS's memory of its
    stream along, which another one may still read. ``make`` makes one like a stream.
    """

    def __init__(self, make: Callable[[Any], Any]) -> None:
        self._make = make
        self._returned: dict[tuple[Any, int], list[Any]] = {}

    def lend(self, graph: object, like: Any) -> Any:
        """Of the device and the priority of ``like``; it comes back when the graph goes."""
        returned = self._returned.setdefault((like.device, like.priority), [])
        stream = returned.pop() if returned else self._make(like)
        weakref.finalize(graph, returned.append, stream)
        return stream


STREAMS = Streams(lambda like: torch.cuda.Stream(like.device, priority=like.priority))


def kept_by_graphs(device: torch.device) -> int:
    """Bytes that no tensor uses, and nothing but the graphs can have."""
    if not LIVE:
        return 0
    index = torch.cuda.current_device() if device.index is None else device.index
    return sum(
        segment["total_size"] - segment["allocated_size"]
        for segment in torch.cuda.memory_snapshot()
        if segment["device"] == index and tuple(segment["segment_pool_id"]) != NO_GRAPH
    )


def capture_on_cuda(call: Callable[[], Any]) -> tuple[Callable[[], None], Any]:
    """What replays ``call`` on the current device, and the result that it then fills."""
    own, graph = torch.cuda.current_stream(), torch.cuda.CUDAGraph()
    stream = STREAMS.lend(graph, own)
    LIVE.add(graph)
    stream.wait_stream(own)
    # The stream is left again also where a capture that fails would stay on it.
    with CAPTURING, torch.cuda.stream(stream):
        try:
            for _ in range(WARM_UPS):
                call()
        finally:  # what they read may go before they have run, if one fails
            own.wait_stream(stream)
        # The other model's thread may allocate meanwhile, which the strictest mode forbids.
        with torch.cuda.graph(graph, stream=stream, capture_error_mode="thread_local"):
            result = call()
    return graph.replay, result
