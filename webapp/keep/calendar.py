"""The machine's date, and whether it can be believed."""

import time
from collections.abc import Callable

STEADY_SECONDS = 1800.0
MOST_DRIFT_SECONDS = 60.0  # between two looks; more is a date that somebody set


def seconds_since_boot() -> float:
    """Also those in which the machine slept, where the system tells."""
    clock: int | None = getattr(time, "CLOCK_BOOTTIME", None)
    return time.monotonic() if clock is None else time.clock_gettime(clock)


class Calendar:
    """Believed once it has gone as evenly as seconds pass for half an hour.

    At the start of a machine without a battery for its clock, and until it has asked a time server,
    the date may be years off: what is too old by it may be of yesterday. For one thread.
    """

    def __init__(
        self,
        date: Callable[[], float] = time.time,
        seconds: Callable[[], float] = seconds_since_boot,
    ) -> None:
        self._date = date
        self._seconds = seconds
        self._steady_since = seconds()
        self._offset = self.now() - self._steady_since
        self.leapt = 0.0  # by how much it was set in all, as far as ``is_believed`` was asked

    def now(self) -> float:
        """Seconds since 1970."""
        return self._date()

    def is_believed(self) -> bool:
        """To be asked more often than dates are set."""
        seconds = self._seconds()
        offset = self.now() - seconds
        if abs(offset - self._offset) > MOST_DRIFT_SECONDS:
            self._steady_since = seconds
            self.leapt += offset - self._offset
        self._offset = offset
        return seconds - self._steady_since >= STEADY_SECONDS
