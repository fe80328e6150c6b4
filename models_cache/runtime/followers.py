"""Threads that each wait for one piece of work that is done elsewhere."""

import time
from collections.abc import Callable
from threading import Thread
from weakref import WeakSet

CLOSING_SECONDS = 1.0  # for replicas that say nothing any more


class Followers:
    """``start`` is for one thread. Each thread ends with its ``work``."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._threads: WeakSet[Thread] = WeakSet()

    def start(self, work: Callable[[], None]) -> None:
        thread = Thread(target=work, name=self._name)
        self._threads.add(thread)
        thread.start()

    def join(self) -> None:
        """Waits for those that were told to end, but not long."""
        until = time.monotonic() + CLOSING_SECONDS
        for thread in list(self._threads):
            thread.join(max(0, until - time.monotonic()))
