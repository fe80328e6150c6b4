"""Runs a part in a process of its own, within its time, and keeps what it found until its end."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from tempfile import TemporaryDirectory

from scripts.gpu_reports.finding import Finding
from scripts.gpu_reports.parts import Part, lacking

ROOT = Path(__file__).parents[2]
PROGRAM = "scripts.gpu_reports.one_part"
LOG_CHARACTERS = 4000


class End(StrEnum):
    """How a part ended. CUT: its time was over. LEFT_OUT: it was never begun."""

    DONE = "done"
    CUT = "cut"
    FAILED = "failed"
    LEFT_OUT = "left out"


@dataclass(frozen=True, slots=True)
class Outcome:
    """``findings`` are all that were made before the end, whichever it was.

    ``reason`` is a sentence for every end but DONE, and ``log`` the last of what was printed.
    """

    part: str
    end: End
    seconds: float = 0.0
    limit_seconds: float = 0.0
    findings: Sequence[Finding] = ()
    reason: str = ""
    log: str = ""

    def found(self, what: str) -> Finding | None:
        return next((each for each in self.findings if each.what == what), None)


def run_all(
    parts: Sequence[Part], size: str, seconds: float, program: str = PROGRAM
) -> Iterator[Outcome]:
    """Each part has its share of the time that is left: what one leaves goes to those after it."""
    deadline = time.monotonic() + seconds
    for index, part in enumerate(parts):
        share = part.share / sum(each.share for each in parts[index:])
        yield run(part, size, max(0.0, deadline - time.monotonic()) * share, program)


def run(part: Part, size: str, limit_seconds: float, program: str = PROGRAM) -> Outcome:
    if missing := lacking(part.needs):
        reason = f"This Python lacks packages: python -m pip install {' '.join(missing)}."
        return Outcome(part.name, End.LEFT_OUT, reason=reason)
    with TemporaryDirectory() as folder:
        lines, log = Path(folder, "findings"), Path(folder, "log")
        command = [sys.executable, "-m", program, part.name, size, str(lines)]
        started = time.monotonic()
        code = _run_child(command, log, limit_seconds)
        seconds = time.monotonic() - started
        findings, failure = read(lines)
        printed = log.read_text("utf-8", "replace")
    if code == 0:
        return Outcome(part.name, End.DONE, seconds, limit_seconds, findings)
    end = End.CUT if code is None else End.FAILED
    reason = f"Its {limit_seconds:.0f} seconds were over." if code is None else failure
    reason = reason or f"Its process ended with {described(code or 0)}."
    log_end = printed[-LOG_CHARACTERS:]
    return Outcome(part.name, end, seconds, limit_seconds, findings, reason, log_end)


def _run_child(command: Sequence[str], log: Path, limit_seconds: float) -> int | None:
    """The exit code; None if the time was over. What it started itself ends with it."""
    paths = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    with (
        log.open("wb") as output,
        subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**os.environ, "PYTHONPATH": paths},
            start_new_session=True,
        ) as process,
    ):
        try:
            return process.wait(limit_seconds)
        except subprocess.TimeoutExpired:
            return None
        finally:
            _end_session(process.pid)


def _end_session(leader: int) -> None:
    # If all have ended; macOS says the latter of one that nobody has waited for yet.
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(leader, signal.SIGKILL)


def read(lines: Path) -> tuple[list[Finding], str]:
    """The findings of whole lines, and the failure if there is one."""
    findings, failure = [], ""
    for line in lines.read_text("utf-8").splitlines() if lines.exists() else []:
        try:
            record = json.loads(line)
        except ValueError:  # it ended while it wrote
            break
        if "failure" in record:
            failure = record["failure"]
        else:
            findings.append(Finding(**record))
    return findings, failure


def described(code: int) -> str:
    """An exit code as ``subprocess`` has it: a negative one is a signal's."""
    if code >= 0:
        return f"exit code {code}"
    return f"signal {-code} ({signal.strsignal(-code)})"
