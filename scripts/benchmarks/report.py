"""Shows what was measured, as tables and as JSON."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

from scripts.benchmarks.arguments import Plan
from scripts.benchmarks.comparison import Comparison, Figure, Target
from scripts.benchmarks.machine import MAX_CORES
from scripts.benchmarks.table import table

SPREADS = ("measured", "ratio", "difference")


@dataclass(frozen=True, slots=True)
class Report:
    """``date`` is ISO 8601; ``cores_taken`` is by others, None if unknown."""

    date: str
    machine: Mapping[str, object]
    models: Mapping[str, str]
    plan: Plan
    comparisons: Sequence[Comparison]
    cores_taken: float | None = None

    @property
    def targets(self) -> list[Target]:
        return [target for comparison in self.comparisons for target in comparison.targets]


def to_json(report: Report) -> str:
    """Every single value, and what the tables show of them."""
    document = {
        **asdict(report),
        "comparisons": [_comparison(each) for each in report.comparisons],
        "targets": [_target(each) for each in report.targets],
    }
    return json.dumps(document, indent=1, default=asdict)


def _comparison(comparison: Comparison) -> dict[str, object]:
    figures = {
        figure.what: {
            way: {"values": values, **figure.spreads(way)} for way, values in figure.values.items()
        }
        for figure in comparison.figures
    }
    return {
        "title": comparison.title,
        "figures": figures,
        "note": comparison.note,
        "details": comparison.details,
    }


def _target(target: Target) -> dict[str, object]:
    return {"promised": target.promised, "measured": target.measured, "met": target.is_met}


def to_markdown(report: Report) -> str:
    sections = _heading(report)
    for comparison in report.comparisons:
        rows = [row for figure in comparison.figures for row in _rows(figure)]
        heads = "what", "how", *SPREADS, "half of the ratios"
        sections += [f"## {comparison.title}", table(heads, rows)]
        sections += [comparison.note] if comparison.note else []
    if report.targets:
        rows = [
            (target.promised, f"{target.measured:.3f}", "met" if target.is_met else "MISSED")
            for target in report.targets
        ]
        sections += ["## Targets", table(("promised", "measured", "verdict"), rows)]
    return "\n\n".join(sections)


def _rows(figure: Figure) -> list[tuple[str, ...]]:
    """One row for each way; ours has nothing to be compared with."""
    return [
        (
            figure.what,
            way,
            *(f"{spreads[name]:.3f}" if name in spreads else "" for name in SPREADS),
            "{:.3f} to {:.3f}".format(*spreads["ratio"].quartiles) if "ratio" in spreads else "",
        )
        for way in figure.values
        for spreads in [figure.spreads(way)]
    ]


def _heading(report: Report) -> list[str]:
    lines = [
        f"# Lookalike's benchmark, {report.date}",
        ", ".join(f"{name} {value}" for name, value in report.machine.items()),
        ", ".join(f"{name} {value}" for name, value in report.models.items()),
        f"Medians of {report.plan.repeat} repetitions (smallest to largest; starts: at most"
        f" {report.plan.starts}). Ratio and difference are of our way, the last for each quantity,"
        " to the way in the row; both are taken within each repetition.",
    ]
    if not report.plan.warms_up:
        lines.append("A quick try, without warm-up: these figures say nothing.")
    if (report.cores_taken or 0) > MAX_CORES:
        lines.append(
            f"Others kept {report.cores_taken:.2f} cores busy meanwhile: these figures mislead."
        )
    return lines
