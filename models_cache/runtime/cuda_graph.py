"""CUDA graphs: calls of a GPU that were made once, and are then all made by one."""

from collections.abc import Callable
from threading import Lock
from typing import Any

import torch

WARM_UPS = 3  # what allocates or chooses kernels at its first runs must not do so in a capture

CAPTURING = Lock()  # PyTorch allows one capture in a process

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


def capture_on_cuda(call: Callable[[], Any]) -> tuple[Callable[[], None], Any]:
    """What replays ``call`` on the current device, and the result that it then fills."""
    own, graph = torch.cuda.current_stream(), torch.cuda.CUDAGraph()
    stream = torch.cuda.Stream(priority=own.priority)  # what is replayed keeps it
    stream.wait_stream(own)
    # The stream is left again also where a capture that fails would stay on it.
    with CAPTURING, torch.cuda.stream(stream):
        for _ in range(WARM_UPS):
            call()
        # The other model's thread may allocate meanwhile, which the strictest mode forbids.
        with torch.cuda.graph(graph, stream=stream, capture_error_mode="thread_local"):
            result = call()
    own.wait_stream(stream)
    return graph.replay, result
