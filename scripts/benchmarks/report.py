"""What was measured, as tables to read and as JSON."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field

from scripts.benchmarks.comparison import Comparison
from scripts.benchmarks.engine_benchmark import ENGINE, ONE_BY_ONE, ONE_CALL, AtOnce
from scripts.benchmarks.http_benchmark import Web
from scripts.benchmarks.late_benchmark import Late
from scripts.benchmarks.other_work import MAX_CORES
from scripts.benchmarks.plan import Plan
from scripts.benchmarks.repetition import Spread
from scripts.benchmarks.start_benchmark import Starts
from scripts.benchmarks.table import table
from scripts.benchmarks.targets import targets


@dataclass(frozen=True, slots=True)
class Report:
    """``date`` is ISO 8601; ``cores_taken`` is by others. What was not measured is empty.

    ``comparisons`` are by what the JSON calls them.
    """

    date: str
    machine: Mapping[str, object]
    models: Mapping[str, str]
    plan: Plan
    engine: Sequence[AtOnce] = ()
    late: Late | None = None
    web: Sequence[Web] = ()
    start: Starts | None = None
    comparisons: Mapping[str, Comparison] = field(default_factory=dict)
    cores_taken: float | None = None


def to_json(report: Report) -> str:
    """Every single measurement, and under "figures" what the tables show."""
    figures = {
        "engine": {
            at_once.requests: {
                "variants": {name: at_once.figures(name) for name in at_once.latencies},
                "engine over": {name: at_once.ratios(name) for name in (ONE_BY_ONE, ONE_CALL)},
            }
            for at_once in report.engine
        },
        "late": report.late and report.late.figures,
        "web": {
            web.route: {**web.figures, "added, ms": web.adds_milliseconds} for web in report.web
        },
        "start": report.start and report.start.figures,
        **{name: comparison.figures for name, comparison in report.comparisons.items()},
    }
    kept = [
        {"promised": target.promised, "measured": target.measured, "met": target.is_met}
        for target in targets(report.engine, report.web)
    ]
    document = {**asdict(report), "figures": figures, "targets": kept}
    return json.dumps(document, indent=1, default=_plain)


def _plain(value: object) -> object:
    if isinstance(value, Spread):
        return asdict(value)
    raise TypeError(f"{value!r} has no place in JSON")


def to_markdown(report: Report) -> str:
    sections = [_heading(report)]
    if report.engine:
        sections += _engine_section(report.engine)
    if report.late:
        sections += ["## A late request that joins a running one", _figures(report.late.figures)]
        sections.append(_agreement(report.late.largest_pixel_difference))
    if report.web:
        sections += _web_section(report.web)
    if report.start:
        sections += ["## Start: from the command to", _figures(report.start.figures)]
    for comparison in report.comparisons.values():
        sections += comparison.sections
    if rows := [
        (target.promised, f"{target.measured:.3f}", target.verdict)
        for target in targets(report.engine, report.web)
    ]:
        sections += ["## Targets", table(("promised", "measured", "verdict"), rows)]
    return "\n\n".join(sections)


def _heading(report: Report) -> str:
    machine = ", ".join(f"{name} {value}" for name, value in report.machine.items())
    models = ", ".join(f"{name} {value}" for name, value in report.models.items())
    lines = [
        f"# Lookalike's benchmark, {report.date}",
        machine,
        models,
        f"Medians of {report.plan.repeat} repetitions (smallest to largest; starts: at most"
        f" {report.plan.starts}). Ratios and differences are taken within each repetition.",
    ]
    if not report.plan.warms_up:
        lines.append("A quick try, without warm-up: these figures say nothing.")
    if (report.cores_taken or 0) > MAX_CORES:
        lines.append(
            f"Others kept {report.cores_taken:.2f} cores busy meanwhile: these figures mislead."
        )
    return "\n\n".join(lines)


def _engine_section(engine: Sequence[AtOnce]) -> list[str]:
    figures = [
        (
            str(at_once.requests),
            name,
            *(f"{spread:.3f}" for spread in at_once.figures(name).values()),
        )
        for at_once in engine
        for name in at_once.latencies
    ]
    ratios = [
        (
            str(at_once.requests),
            name,
            *(f"{spread:.3f}" for spread in at_once.ratios(name).values()),
        )
        for at_once in engine
        for name in at_once.latencies
        if name != ENGINE
    ]
    names = tuple(engine[0].figures(ENGINE))
    return [
        "## Requests at once",
        table(("requests", "variant", *names), figures),
        table(("requests", "engine /", *engine[0].ratios(ENGINE)), ratios),
        _agreement(max(at_once.largest_pixel_difference for at_once in engine)),
    ]


def _web_section(web: Sequence[Web]) -> list[str]:
    rows = [
        (each.route, *(f"{spread:.3f}" for spread in each.figures.values()))
        + (f"{each.adds_milliseconds:.1f}",)
        for each in web
    ]
    return [
        "## The web",
        table(("route", *web[0].figures, "the web adds, ms"), rows),
        _agreement(max(each.largest_pixel_difference for each in web)),
    ]


def _figures(figures: Mapping[str, Spread]) -> str:
    return table(("what", "measured"), [(name, f"{one:.3f}") for name, one in figures.items()])


def _agreement(difference: int) -> str:
    return f"The images of the variants differ by at most {difference} of 255."
