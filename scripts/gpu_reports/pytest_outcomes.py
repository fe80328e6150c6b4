"""A plugin of pytest that tells how each test ended, as soon as it has: a line of JSON for each."""

import json
import os

import pytest

DESCRIPTOR = "LOOKALIKE_OUTCOMES"  # names the file descriptor that is written to


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    if report.when == "call" or not report.passed:
        line = json.dumps([report.nodeid, in_words(report)]) + "\n"
        os.write(int(os.environ[DESCRIPTOR]), line.encode())


def in_words(report: pytest.TestReport) -> str:
    """Passed with its seconds, or how it ended instead and why."""
    if report.passed:
        return f"passed in {report.duration:.1f} s"
    first = reason(report).strip().partition("\n")[0]
    return f"{report.outcome}: {first}"


def reason(report: pytest.TestReport) -> str:
    if isinstance(report.longrepr, tuple):  # file, line, why it is skipped
        return report.longrepr[2].removeprefix("Skipped: ")
    crash = getattr(report.longrepr, "reprcrash", None)
    return str(crash.message if crash else report.longrepr)
