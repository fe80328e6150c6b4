"""The machine: what it is, its clock, and how much of it others took while we measured."""

import contextlib
import ctypes
import os
import platform
import re
import subprocess
import time
from pathlib import Path

import torch

from models_cache.runtime.device import usable_cores

CPU_SECONDS = Path("/proc/stat")
PR_SET_CHILD_SUBREAPER = 36  # of prctl(2)
ENDING_SECONDS = 5.0  # a killed process gives back gigabytes first
MAX_CORES = 0.1


def describe_machine(device: torch.device) -> dict[str, object]:
    """The facts that figures need to be judged. Holds no path, host or user name."""
    described: dict[str, object] = {
        "cpu": cpu_name(),
        "cores": usable_cores(),
        "memory_gib": memory_gib(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "torch": str(torch.__version__),
        "torch_threads": torch.get_num_threads(),
        "device": device.type,
    }
    if device.type == "cuda":
        described["gpu"] = torch.cuda.get_device_name(device)
    return described


def cpu_name() -> str:
    if platform.system() == "Darwin":
        command = ["sysctl", "-n", "machdep.cpu.brand_string"]
        return subprocess.run(command, capture_output=True, text=True).stdout.strip()
    file = Path("/proc/cpuinfo")
    text = file.read_text() if file.exists() else ""
    name = re.search(r"^model name\s*:\s*(.+)$", text, re.MULTILINE)
    return name[1].strip() if name else platform.machine()


def memory_gib() -> float:
    return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1)


def now(device: torch.device) -> float:
    """Seconds, read once all that was asked of ``device`` is done.

    Do not call it while other threads compute there: it would wait for them too. An image or words
    in host memory are done anyway.
    """
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter()


class OtherWork:
    """Counts from its making on. All that descends from this process counts as ours once it ended.

    On Linux alone also those whose own parent ended first, as LitServe's workers and Ray's.
    """

    def __init__(self) -> None:
        _adopt_orphans()
        self._began = time.monotonic()
        self._before = _seconds_of_others()

    def cores(self) -> float | None:
        """The cores that were busy for others, on average; None if the system does not tell.

        To be asked once, when all of ours has been told to end.
        """
        _wait_for_ours()
        after = _seconds_of_others()
        if self._before is None or after is None:
            return None
        # Both clocks tick coarsely, but no process gives time back.
        return max(0.0, after - self._before) / (time.monotonic() - self._began)


def _seconds_of_others() -> float | None:
    if not CPU_SECONDS.exists():
        return None
    ticks = [int(field) for field in CPU_SECONDS.read_text().split(maxsplit=9)[1:9]]
    user, nice, system, _idle, _iowait, interrupts, soft_interrupts, stolen = ticks
    busy = user + nice + system + interrupts + soft_interrupts + stolen
    return busy / os.sysconf("SC_CLK_TCK") - sum(os.times()[:4])


def _adopt_orphans() -> None:
    """Has the system hand this process, and not init, the children of its children that ended."""
    with contextlib.suppress(OSError, AttributeError):  # of another system
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def _wait_for_ours() -> None:
    """But not long: the seconds of those that have ended count from then on."""
    until = time.monotonic() + ENDING_SECONDS
    with contextlib.suppress(ChildProcessError):  # there are none left
        while time.monotonic() < until:
            if not os.waitpid(-1, os.WNOHANG)[0]:
                time.sleep(0.05)
