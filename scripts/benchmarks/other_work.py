"""How much of the machine others took while we measured."""

import os
import time
from pathlib import Path

CPU_SECONDS = Path("/proc/stat")
MAX_CORES = 0.1


class OtherWork:
    """From its making on. A child process counts as ours once it was waited for."""

    def __init__(self) -> None:
        self._began = time.monotonic()
        self._before = _seconds_of_others()

    def cores(self) -> float | None:
        """How many were busy for others on average; None where the system does not tell."""
        now = _seconds_of_others()
        if self._before is None or now is None:
            return None
        # Both clocks tick coarsely: nobody gives time back.
        return max(0.0, now - self._before) / (time.monotonic() - self._began)


def _seconds_of_others() -> float | None:
    if not CPU_SECONDS.exists():
        return None
    ticks = [int(field) for field in CPU_SECONDS.read_text().split(maxsplit=9)[1:9]]
    user, nice, system, _idle, _iowait, interrupts, soft_interrupts, stolen = ticks
    busy = user + nice + system + interrupts + soft_interrupts + stolen
    return busy / os.sysconf("SC_CLK_TCK") - sum(os.times()[:4])
