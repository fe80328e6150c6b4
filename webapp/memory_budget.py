"""A bound on bytes that many threads take for a while: who asks first is served first."""

from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Condition


class MemoryBudget:
    """Every method is for any thread. ``free_bytes`` is what could be taken now."""

    def __init__(self, total_bytes: int) -> None:
        self.total_bytes = self.free_bytes = total_bytes
        self._line: deque[object] = deque()
        self._changed = Condition()

    @contextmanager
    def take(self, size_bytes: int) -> Iterator[None]:
        """Waits until so much is free, and for its turn; gives it back in the end.

        What is larger than the whole waits until all is free, and has that to itself.
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
