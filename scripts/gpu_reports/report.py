"""A report as JSON, for us, and as tables, for the one who ran it. Neither holds a path."""

import json
import os
import platform
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from scripts.benchmarks.table import table
from scripts.gpu_reports.finding import number
from scripts.gpu_reports.runner import ROOT, Outcome
from scripts.gpu_reports.yardsticks import judged

PACKAGES = (
    *("torch", "triton", "diffusers", "transformers", "accelerate", "safetensors", "tokenizers"),
    *("huggingface_hub", "numpy", "Pillow", "isal", "orjson", "pybase64", "Flask", "waitress"),
    "pytest",
)


def version_of(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def commit() -> str | None:
    """Of this clone, with "-dirty" if it was changed; None without git."""
    command = ["git", "-C", str(ROOT), "describe", "--always", "--dirty", "--exclude=*"]
    try:
        done = subprocess.run(command, capture_output=True, text=True)
    except OSError:
        return None
    return done.stdout.strip() or None


@dataclass(slots=True)
class Report:
    """Grows with each part that has ended."""

    minutes: float
    outcomes: list[Outcome] = field(default_factory=list)
    date: str = field(default_factory=lambda: datetime.now(UTC).isoformat(timespec="seconds"))
    commit: str | None = field(default_factory=commit)
    python: str = field(default_factory=platform.python_version)
    system: str = field(default_factory=lambda: f"{platform.system()} {platform.machine()}")
    packages: Mapping[str, str | None] = field(
        default_factory=lambda: {package: version_of(package) for package in PACKAGES}
    )

    def to_json(self) -> str:
        targets = [
            {"promised": each.promised, "measured": each.measured.median, "met": each.is_met}
            for each in judged(self.outcomes)
        ]
        return without_paths(json.dumps({**asdict(self), "yardsticks": targets}, indent=1))

    def write(self, file: Path) -> None:
        """All at once: a reader, or a power cut, finds the old file or the new. Raises OSError."""
        new = file.with_name(f"{file.name}.new")
        new.write_text(self.to_json() + "\n", "utf-8")
        os.replace(new, file)

    def to_markdown(self) -> str:
        known = ", ".join(f"{name} {found}" for name, found in self.packages.items() if found)
        rows = [
            (each.part, each.end, number(each.seconds), number(each.limit_seconds), each.reason)
            for each in self.outcomes
        ]
        sections = [
            f"# Lookalike's GPU report, {self.date}",
            f"Commit {self.commit or 'unknown'}, {self.system}, Python {self.python}, {known}.",
            table(("part", "end", "s", "of s", "why"), rows),
            *(section for each in self.outcomes for section in of_part(each)),
            "## Yardsticks for one H200",
            of_yardsticks(self.outcomes),
        ]
        return without_paths("\n\n".join(sections))


def of_part(outcome: Outcome) -> Sequence[str]:
    rows = [
        (each.what, each.shown, each.unit, "" if each.planned is None else number(each.planned))
        for each in outcome.findings
    ]
    if not rows:
        return ()
    return f"## {outcome.part}", table(("what", "found", "unit", "reckoned with"), rows)


def of_yardsticks(outcomes: Sequence[Outcome]) -> str:
    rows = [
        (each.promised, number(each.measured.median), "met" if each.is_met else "MISSED")
        for each in judged(outcomes)
    ]
    if not rows:
        return "Nothing of these was measured on an H200, so nothing is judged."
    return table(("promised", "measured", "verdict"), rows)


def without_paths(text: str) -> str:
    """Without this clone's folder, Python's and the user's, which are nobody's business."""
    folders = {str(ROOT): "<clone>", sys.prefix: "<python>", str(Path.home()): "~"}
    for folder in sorted(folders, key=len, reverse=True):
        if len(folder) > 1:
            text = text.replace(folder, folders[folder])
    return text
