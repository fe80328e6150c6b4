"""Wrong keys, counted by address: whoever tries many has to wait."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Lock
from typing import TypeVar

T = TypeVar("T")

MOST_WRONG = 10
WAIT_SECONDS = 60.0
# A million addresses are no reason for a million entries: the oldest is forgotten first.
MOST_ADDRESSES = 10_000


class TooManyTries(Exception):
    """An address has tried too often, and may try again in ``seconds``."""

    def __init__(self, seconds: int) -> None:
        super().__init__(f"Too many wrong keys came from here: try again in {seconds} seconds.")
        self.seconds = seconds


@dataclass
class Tries:
    """For any thread."""

    clock: Callable[[], float] = time.monotonic
    _wrong: dict[str, tuple[int, float]] = field(default_factory=dict)  # how many, and the last
    _lock: Lock = field(default_factory=Lock)

    def judge(self, address: str, attempt: Callable[[], T | None]) -> T | None:
        """What ``attempt`` returns; None counts as wrong, and anything else forgives the others.

        One at a time, so that many at once are no way around. Raises TooManyTries.
        """
        with self._lock:
            wrong, last = self._wrong.pop(address, (0, 0.0))
            left = last + WAIT_SECONDS - self.clock()
            if left <= 0:
                wrong = 0
            if wrong >= MOST_WRONG:
                self._wrong[address] = wrong, last
                raise TooManyTries(int(left) + 1)
            found = attempt()
            if found is None:
                self._note(address, wrong + 1)
            return found

    def _note(self, address: str, wrong: int) -> None:
        if len(self._wrong) >= MOST_ADDRESSES:
            del self._wrong[next(iter(self._wrong))]
        self._wrong[address] = wrong, self.clock()
