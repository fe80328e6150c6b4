"""Measures one part, in the process that ``runner`` starts for it.

usage: python -m scripts.gpu_reports.one_part NAME auto|full|tiny FILE

Each line of FILE is a finding in JSON, written as soon as it is known; the last one may be the
failure that ended the part.
"""

import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict
from importlib import import_module
from typing import TextIO

from models_cache import environment, terminal

environment.prepare()

from models_cache.advice import CannotStart, first_line
from scripts.gpu_reports.finding import Finding
from scripts.gpu_reports.subject import Subject

Measure = Callable[[Subject], Iterator[Finding]]


def main(name: str, size: str, file: str) -> int:
    terminal.end_with_parent()
    with open(file, "w", encoding="utf-8") as lines:
        try:
            write(measure_of(name)(Subject.of(size)), lines)
        except CannotStart as error:
            lines.write(json.dumps({"failure": str(error)}))
            return 2
        except Exception as error:
            lines.write(json.dumps({"failure": f"{type(error).__name__}: {first_line(error)}"}))
            raise
    return 0


def measure_of(name: str) -> Measure:
    measure: Measure = import_module(f"scripts.gpu_reports.{name}").measure
    return measure


def write(findings: Iterator[Finding], lines: TextIO) -> None:
    for finding in findings:
        lines.write(json.dumps(asdict(finding)) + "\n")
        lines.flush()


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
