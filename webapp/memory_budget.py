"""A bound on the bytes that many threads take for a while, first come, first served."""

from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Condition


class MemoryBudget:
    """Every method is for any thread. ``free_bytes`` could be taken now."""

    def __init__(self, total_bytes: int) -> None:
        self.total_bytes = self.free_bytes = total_bytes
        self._line: deque[object] = deque()
        self._changed = Condition()

    @contextmanager
    def take(self, size_bytes: int) -> Iterator[None]:
        """Waits for its turn and until ``size_bytes`` are free; gives them back in the end.

        A size above the whole budget waits until all of it is free, and takes all.
        """
        size_bytes = min(size_bytes, self.total_bytes)
        turn = object()
        with self._changed:
            self._line.append(turn)
            self._changed.wait_for(lambda: self._line[0] is turn and size_bytes <= self.free_bytes)
            self._line.popleft()
            self.free_bytes -= size_bytes
            self._changed.notify_all()  # the next may fit as well
        try:
            yield
        finally:
            with self._changed:
                self.free_bytes += size_bytes
                self._changed.notify_all()
