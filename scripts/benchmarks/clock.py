"""The clock that seconds are read from."""

import time

import torch


def now(device: torch.device) -> float:
    """Seconds, once all that was asked of ``device`` is done.

    Not for where others still compute there: it would wait for them too. An image or words in host
    memory are done anyway.
    """
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter()
