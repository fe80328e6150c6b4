"""The tests that only a GPU can pass, each in a process of its own; on a CPU, their rehearsal."""

import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from xml.etree import ElementTree

from models_cache.advice import CannotStart
from scripts.gpu_reports.finding import Finding
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
    for test in collected(TESTS):
        yield Finding(test.rpartition("/")[2], outcome(test))


def collected(tests: str, folder: Path = ROOT) -> Sequence[str]:
    """The names that pytest gives them in ``folder``. Raises CannotStart."""
    done = _pytest(folder, "--collect-only", tests)
    names = [line for line in done.stdout.splitlines() if "::" in line and " " not in line]
    if done.returncode:
        print(done.stdout, done.stderr, file=sys.stderr)
        raise CannotStart(f"pytest finds no tests in {tests}", "The log says why.")
    return names


def outcome(test: str, folder: Path = ROOT) -> str:
    """In words: passed with its seconds, or how it ended instead and why."""
    with TemporaryDirectory() as empty:
        file = Path(empty, "junit.xml")
        done = _pytest(folder, test, f"--junit-xml={file}")
        case = ElementTree.parse(file).find(".//testcase") if file.exists() else None
    if case is None:
        return f"crashed: pytest ended with {done.returncode}"
    return in_words(case)


def in_words(case: ElementTree.Element) -> str:
    """Of a test in pytest's report."""
    for kind, word in (("failure", "failed"), ("error", "failed"), ("skipped", "skipped")):
        found = case.find(kind)
        if found is not None:
            first = (found.get("message") or "").strip().partition("\n")[0]
            return f"{word}: {first}"
    return f"passed in {float(case.get('time', 0)):.1f} s"


def _pytest(folder: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([*PYTEST, *arguments], cwd=folder, capture_output=True, text=True)
