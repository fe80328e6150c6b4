"""Measures this machine's GPU part by part, within the minutes that are given.

Runs in any Python that has torch, diffusers and transformers, of whatever version, and installs
nothing: a part that lacks a package is left out, and the report names it. Each part is a process
of its own. If it crashes or its time is over, what it had found is kept and the next part begins.
The file is written anew after each part. Random weights (8.8 GB on a GPU) are written into
models_cache/random and stay there. Without a CUDA device tiny models show that the parts work.
"""

import argparse
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from models_cache import environment, terminal

environment.prepare()

from models_cache.advice import CannotStart
from scripts.gpu_reports.parts import PARTS
from scripts.gpu_reports.report import Report
from scripts.gpu_reports.runner import Outcome, run_all

PROGRAM = "scripts/gpu_report"


def main(arguments: Sequence[str]) -> int:
    options = parse(arguments)
    report = Report(options.minutes)
    parts = [part for part in PARTS if part.name in (options.only or [each.name for each in PARTS])]
    try:
        save(report, options.json)
        collect(report, run_all(parts, options.size, 60 * options.minutes), options.json)
    except CannotStart as error:
        print(f"{PROGRAM}: {error}", file=sys.stderr)
        return 2
    print(report.to_markdown())
    return 0


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog=PROGRAM,
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--minutes", type=minutes, default=9.0, help="for all parts together (9)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the report here")
    parser.add_argument(
        "--only",
        choices=[part.name for part in PARTS],
        action="append",
        help="may be repeated (all)",
    )
    parser.add_argument(
        "--size", choices=("auto", "full", "tiny"), default="auto", help="of the models (auto)"
    )
    return parser.parse_args(arguments)


def minutes(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is no number of minutes above 0")
    return value


def collect(report: Report, outcomes: Iterable[Outcome], file: Path | None) -> None:
    """Tells each outcome, and saves the report anew. Raises CannotStart."""
    for outcome in outcomes:
        print(told(outcome), file=sys.stderr, flush=True)
        report.outcomes.append(outcome)
        save(report, file)


def save(report: Report, file: Path | None) -> None:
    """Raises CannotStart."""
    if file is None:
        return
    try:
        report.write(file)
    except OSError as error:
        problem = f"--json {file} cannot be written: {error.strerror}"
        raise CannotStart(problem, "Name a file in a folder that is there.") from error


def told(outcome: Outcome) -> str:
    """A line for the terminal as soon as a part has ended."""
    return f"{outcome.part}: {outcome.end}, {outcome.seconds:.0f} s {outcome.reason}".rstrip()


if __name__ == "__main__":
    terminal.run(main)
