"""How much memory a device has left, and what to do when it has none.  [torch]"""

import gc
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import torch

Result = TypeVar("Result")

# Who has no exception class of its own for it: a CPU's allocator, CUDA itself, cuBLAS and cuDNN.
OUT_OF_MEMORY = ("can't allocate memory", "CUDA error: out of memory", "STATUS_ALLOC_FAILED")
MEMINFO = Path("/proc/meminfo")


class OutOfMemory(MemoryError):
    """The device had no room. All that the failed call had taken is free again."""


def free_bytes(device: torch.device) -> int | None:
    """What could be allocated now; None where the system does not tell."""
    if device.type == "cuda":
        held = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
        return int(torch.cuda.mem_get_info(device)[0] + held)
    if not MEMINFO.exists():
        return None
    fields = dict(line.split(":") for line in MEMINFO.read_text().splitlines())
    return 1024 * int(fields["MemAvailable"].split()[0])


def guarded(call: Callable[[], Result]) -> Result:
    """What ``call`` returns. Raises OutOfMemory where it ran out, and what else it raises."""
    try:
        return call()
    except RuntimeError as error:  # torch.OutOfMemoryError is one
        if not _is_out_of_memory(error):
            raise
        reason = str(error)
    # Out here, since the traceback of an exception that is being handled holds the tensors of
    # every frame that it went through, and none of them could be freed.
    free()
    raise OutOfMemory(reason)


def free() -> None:
    """Gives back what nobody uses any more."""
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def _is_out_of_memory(error: RuntimeError) -> bool:
    return isinstance(error, torch.OutOfMemoryError) or any(
        words in str(error) for words in OUT_OF_MEMORY
    )
