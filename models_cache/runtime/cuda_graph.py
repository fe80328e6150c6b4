"""CUDA graphs: calls of a GPU that were made once, and are then all made by one."""

from collections.abc import Callable
from typing import Any

import torch

WARM_UPS = 3  # what allocates or chooses kernels at its first runs must not do so in a capture

# Given a call without arguments: what replays it, and the result that is then filled.
Capture = Callable[[Callable[[], Any]], tuple[Callable[[], None], Any]]


def capture_on_cuda(call: Callable[[], Any]) -> tuple[Callable[[], None], Any]:
    """What replays ``call`` on the current device, and the result that it then fills."""
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        for _ in range(WARM_UPS):
            call()
    torch.cuda.current_stream().wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    # The other model's thread may allocate meanwhile, which the strictest mode forbids.
    with torch.cuda.graph(graph, capture_error_mode="thread_local"):
        result = call()
    return graph.replay, result
