"""What came of a load, as tables."""

from statistics import median, quantiles

from scripts.benchmarks.table import table
from scripts.load_test.journal import NO_ANSWER
from scripts.load_test.outcome import MEGABYTE, Outcome


def to_markdown(outcome: Outcome) -> str:
    return "\n\n".join([_answers(outcome), _jobs(outcome), _held(outcome), _curve(outcome)])


def _answers(outcome: Outcome) -> str:
    rows = [
        (
            kind,
            "none" if status == NO_ANSWER else str(status),
            str(len(seconds)),
            f"{median(seconds):.3f}",
            f"{quantiles([*seconds, *seconds], n=20)[-1]:.3f}",
            f"{max(seconds):.3f}",
        )
        for (kind, status), seconds in sorted(outcome.journal.seconds.items())
    ]
    return table(("request", "status", "count", "median, s", "95 %, s", "worst, s"), rows)


def _jobs(outcome: Outcome) -> str:
    counts = outcome.counts
    statuses = sorted(counts.ended)
    row = [str(counts.accepted), *(str(counts.ended[each]) for each in statuses)]
    return table(("jobs accepted", *statuses), [row])


def _held(outcome: Outcome) -> str:
    before, after = outcome.before, outcome.after
    rows = [
        ("threads", str(before.threads), str(after.threads)),
        ("descriptors", str(before.descriptors), str(after.descriptors)),
        ("memory, MB", f"{before.bytes / MEGABYTE:.0f}", f"{after.bytes / MEGABYTE:.0f}"),
        ("memory while loaded, MB a minute", "", f"{outcome.slope:+.1f}"),
    ]
    return table(("the server holds", "after the warm-up", "after the load"), rows)


def _curve(outcome: Outcome) -> str:
    """A tenth of the time each."""
    held = [memory for _, memory in outcome.curve]
    size = max(1, len(held) // 10)
    tenths = [f"{median(held[n : n + size]) / MEGABYTE:.0f}" for n in range(0, len(held), size)]
    return f"Memory while loaded, MB, by tenths of the time: {' '.join(tenths)}"
