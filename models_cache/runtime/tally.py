"""What an engine has done since it was made, in numbers that only grow."""

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Lock

OUT_OF_MEMORY = "memory"  # what a MemoryError counts as, whatever it interrupted


@dataclass(frozen=True, slots=True)
class Totals:
    """``made``: captions or images. ``batches``: how many there were of each size.

    ``seconds`` are by phase, ``failures`` by kind: the stage that failed, or "memory".
    """

    made: int = 0
    last_batch_size: int = 0
    batches: Counter[int] = field(default_factory=Counter)
    seconds: dict[str, float] = field(default_factory=dict)
    failures: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True, slots=True)
class UnderWay:
    """A phase that has not ended: its seconds until now, and those of the longest before it."""

    phase: str
    seconds: float
    longest_before: float


class Tally:
    """Counts on the engine's thread; ``totals`` and ``under_way`` are for any.

    The ``phases`` that take time, and the ``stages`` that may fail, are 0 from the start.
    """

    def __init__(
        self,
        phases: Iterable[str],
        stages: Iterable[str],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._clock = clock
        self._lock = Lock()
        self._made = self._last_batch_size = 0
        self._batches: Counter[int] = Counter()
        self._seconds = dict.fromkeys(phases, 0.0)
        self._longest = dict(self._seconds)
        self._began: tuple[str, float] | None = None
        self._failures = Counter({stage: 0 for stage in (*stages, OUT_OF_MEMORY)})

    @contextmanager
    def timing(self, phase: str) -> Iterator[None]:
        """Adds the time of the block to the phase's, also if it raises."""
        began = self._clock()
        self._began = phase, began
        try:
            yield
        finally:
            self._began = None
            took = self._clock() - began
            with self._lock:
                self._seconds[phase] += took
                self._longest[phase] = max(took, self._longest[phase])

    def batch(self, size: int) -> None:
        with self._lock:
            self._last_batch_size = size
            self._batches[size] += 1

    def made(self, count: int) -> None:
        with self._lock:
            self._made += count

    def failed(self, stage: str, error: BaseException) -> None:
        kind = OUT_OF_MEMORY if isinstance(error, MemoryError) else stage
        with self._lock:
            self._failures[kind] += 1

    def under_way(self) -> UnderWay | None:
        """The phase that is timed now; None between two."""
        if (began := self._began) is None:
            return None
        phase, since = began
        return UnderWay(phase, self._clock() - since, self._longest[phase])

    def totals(self) -> Totals:
        """As they are now; later counts do not change them."""
        with self._lock:
            return Totals(
                self._made,
                self._last_batch_size,
                Counter(self._batches),
                dict(self._seconds),
                Counter(self._failures),
            )
