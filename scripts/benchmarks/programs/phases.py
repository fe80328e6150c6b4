"""Lets a program that is measured from outside tell its phases, one line after each."""

import json
import re
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import torch

STATUS = Path("/proc/self/status")


class ProgramFailed(Exception):
    """Holds what the program printed to stderr."""


@dataclass(frozen=True, slots=True)
class Phase:
    """A part of a program's life. ``seconds`` are from the program's command to its end.

    ``peak_bytes`` is the most memory it took: on CUDA in tensors and within this phase, elsewhere
    of the machine's memory and up to its end.
    """

    seconds: float
    name: str
    peak_bytes: int


def run(module: str, *arguments: object) -> list[Phase]:
    """Runs a program in a process of its own; returns its phases. Raises ProgramFailed."""
    command = [sys.executable, "-m", module, *map(str, arguments)]
    with tempfile.TemporaryFile("w+") as errors:
        launched = time.perf_counter()
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True) as process:
            assert process.stdout is not None
            phases = [
                Phase(time.perf_counter() - launched, **json.loads(line)) for line in process.stdout
            ]
        if process.returncode:
            errors.seek(0)
            raise ProgramFailed(f"{module} ended with {process.returncode}:\n{errors.read()}")
    return phases


def tell(name: str, device: torch.device) -> None:
    """Ends a phase of the program that calls it, for ``run`` to read."""
    print(json.dumps({"name": name, "peak_bytes": peak_bytes(device)}), flush=True)
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)


def peak_bytes(device: torch.device) -> int:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
        return int(torch.cuda.max_memory_allocated(device))
    # Linux begins the peak that getrusage tells with the parent's, so /proc is asked first.
    if STATUS.exists() and (peak := re.search(r"^VmHWM:\s*(\d+) kB$", STATUS.read_text(), re.M)):
        return 1024 * int(peak[1])
    unit = 1 if sys.platform == "darwin" else 1024
    return unit * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
