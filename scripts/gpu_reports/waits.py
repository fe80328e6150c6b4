"""Where the host waits for the GPU, by torch's own warnings."""

import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import torch

from generator.sdxl import SDXL
from scripts.gpu_reports.finding import Finding
from scripts.gpu_reports.subject import NO_CUDA

SAID = "called a synchronizing CUDA operation"


def of_generator(sdxl: SDXL) -> Iterator[Finding]:
    if sdxl.device.type != "cuda":
        yield Finding("waits for the GPU", NO_CUDA)
        return
    for name, call in calls(sdxl).items():
        places = counted(call)
        where = ", ".join(f"{place} {count}" for place, count in places.most_common())
        yield Finding(f"waits for the GPU in {name}", where or "none")


def calls(sdxl: SDXL) -> dict[str, Callable[[], object]]:
    """What the engine asks of a generator, to be called in this order."""
    request = sdxl.info.request("a house", seed=0)
    [sample] = sdxl.prepare([request])
    return {
        "a prompt": partial(sdxl.prepare, [request]),
        "a step": partial(sdxl.denoise, [sample]),
        "a preview": partial(sdxl.preview, sample),
        "a decode": partial(sdxl.decode, [sample]),
    }


def counted(call: Callable[[], object]) -> Counter[str]:
    """How often ``call`` waits, by the file and line that does."""
    torch.cuda.set_sync_debug_mode("warn")
    try:
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            call()
    finally:
        torch.cuda.set_sync_debug_mode("default")
    waits = [each for each in said if SAID in str(each.message)]
    return Counter(f"{Path(each.filename).name}:{each.lineno}" for each in waits)
