"""A simulated CUDA card: its memory, and what the host waits for.

``tensors`` holds what lies on it, ``insertion`` has torch find it.
"""

import traceback
import weakref
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import torch

BLOCK = 512  # bytes, CUDA's smallest
OWN = {str(Path(__file__).with_name(each)) for each in ("card.py", "tensors.py", "insertion.py")}


@dataclass
class Card:
    """``waits`` counts by place what the host waited for; ``fail_at`` makes one allocation fail.

    For an event it waits too, but not for what was launched since: ``behind`` counts that.
    Without values (``has_values``) tensors have shapes alone, and all sizes cost the same.
    """

    capacity: int = 10**12
    capability: tuple[int, int] = (8, 6)
    count: int = 1
    has_values: bool = True
    live: int = 0
    peak: int = 0
    launched: int = 0
    behind: list[int] = field(default_factory=list)
    allocations: int = 0
    answers: int = 0
    fail_at: int | None = None
    waits: Counter[str] = field(default_factory=Counter)
    _sizes: dict[int, int] = field(default_factory=dict)
    _launched_before: int = 0

    def reset(self) -> None:
        self.peak, self.allocations, self.waits, self.behind = self.live, 0, Counter(), []
        self._launched_before = self.launched

    @property
    def launches(self) -> int:
        return self.launched - self._launched_before

    def take(self, tensor: torch.Tensor) -> None:
        """Counts a tensor's memory until it is freed. Raises torch.OutOfMemoryError."""
        storage = tensor.untyped_storage()
        key = storage._cdata
        if key in self._sizes:
            return
        size = -(-storage.nbytes() // BLOCK) * BLOCK
        number, self.allocations = self.allocations, self.allocations + 1
        if number == self.fail_at:
            raise self._out_of_memory(size)
        self.work_beside(size)
        self._sizes[key] = size
        self.live += size
        weakref.finalize(storage, self._drop, key)

    def work_beside(self, size: int) -> None:
        """Needs so many bytes for a moment. Raises torch.OutOfMemoryError.

        For a convolution they are a guess: the kernels' own copies of its input and output, in the
        order that they prefer. With it a decode takes within 1 % what was measured on an H200.
        """
        if self.live + size > self.capacity:
            raise self._out_of_memory(size)
        self.peak = max(self.peak, self.live + size)

    @staticmethod
    def _out_of_memory(size: int) -> torch.OutOfMemoryError:
        return torch.OutOfMemoryError(f"CUDA out of memory. Tried to allocate {size} bytes")

    def wait(self, why: str) -> None:
        codes = (frame.f_code for frame, _ in traceback.walk_stack(None))
        code = next(each for each in codes if _is_asking(each.co_filename))
        self.waits[f"{why} in {Path(code.co_filename).name}:{code.co_name}"] += 1

    def _drop(self, key: int) -> None:
        self.live -= self._sizes.pop(key, 0)


def _is_asking(file: str) -> bool:
    return "/torch/" not in file and file not in OWN
