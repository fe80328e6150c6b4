"""The tests that only a GPU can pass; on a CPU, their rehearsal."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from models_cache.advice import CannotStart
from scripts.gpu_reports import pytest_outcomes
from scripts.gpu_reports.finding import Finding
from scripts.gpu_reports.pytest_outcomes import DESCRIPTOR
from scripts.gpu_reports.subject import Subject

ROOT = Path(__file__).parents[2]
TESTS = "tests/gpu"
# Warnings of this torch's are no failures here: they are errors only in the release that is pinned.
PYTEST = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-W", "default"]


def measure(subject: Subject) -> Iterator[Finding]:
    if subject.is_cuda and subject.size != "full":
        yield Finding(TESTS, "left out: on a GPU they take the weights of full size")
        return
    if not subject.is_cuda:
        os.environ["LOOKALIKE_REHEARSE_GPU"] = "1"
    for test, words in outcomes(collected(TESTS)):
        yield Finding(test.rpartition("/")[2], words)


def collected(tests: str, folder: Path = ROOT) -> Sequence[str]:
    """The names that pytest gives them in ``folder``. Raises CannotStart."""
    command = [*PYTEST, "--collect-only", tests]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    names = [line for line in done.stdout.splitlines() if "::" in line and " " not in line]
    if done.returncode:
        print(done.stdout, done.stderr, file=sys.stderr)
        raise CannotStart(f"pytest finds no tests in {tests}", "The log says why.")
    return names


def outcomes(tests: Sequence[str], folder: Path = ROOT) -> Iterator[tuple[str, str]]:
    """How each of them ended, in words, as soon as it has.

    They share a process, as its start can take half a minute; those after one that crashes have
    another.
    """
    left = list(tests)
    while left:
        with running(left, folder) as (process, lines):
            for test, words in map(json.loads, lines):
                if test in left:  # one whose end fails too is told twice
                    left.remove(test)
                yield test, words
            code = process.wait()
        if left:
            yield left.pop(0), f"crashed: pytest ended with {code}"


@contextmanager
def running(
    tests: Sequence[str], folder: Path
) -> Iterator[tuple["subprocess.Popen[bytes]", IO[str]]]:
    """A process of pytest, and the lines that its plugin writes there."""
    reads, writes = os.pipe()
    environment = {**os.environ, DESCRIPTOR: str(writes), "PYTHONPATH": paths()}
    command = [*PYTEST, "-p", pytest_outcomes.__name__, *tests]
    with open(reads, encoding="utf-8") as lines:
        try:
            process = subprocess.Popen(command, cwd=folder, env=environment, pass_fds=[writes])
        finally:
            os.close(writes)
        with process:
            yield process, lines


def paths() -> str:
    return os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
