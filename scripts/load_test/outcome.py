"""All that is known after a load, and the promises that it shows to be broken."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import linear_regression

from scripts.load_test.actions import EXPECTED
from scripts.load_test.job_log import SHORT, JobLog
from scripts.load_test.journal import NO_ANSWER, Journal
from scripts.load_test.readings import Counts, Held

MEGABYTE = 1e6
# The load asks whether the models are warm before they are, and follows a job with a crowd.
PROVOKED = {("health.readyz", 503), ("jobs.events", 503)}
MAX_GROWTH_BYTES = 64e6


@dataclass(frozen=True, slots=True)
class Outcome:
    """``before`` and ``after`` the load nothing was under way; the server was warm before.

    ``curve`` is its memory meanwhile: seconds and bytes. ``counts`` and ``log`` are of the whole
    life of the server, the warm-up included, and so are ``jobs``, the ids that clients were given.
    """

    journal: Journal
    jobs: frozenset[str]
    before: Held
    after: Held
    curve: Sequence[tuple[float, int]]
    counts: Counts
    log: JobLog

    @property
    def growth_bytes(self) -> int:
        return self.after.bytes - self.before.bytes

    @property
    def slope(self) -> float:
        """Of the curve, by least squares: megabytes a minute."""
        if len(self.curve) < 2:
            return 0.0
        seconds, held = zip(*self.curve, strict=True)
        return 60 * linear_regression(seconds, held).slope / MEGABYTE


def broken_promises(outcome: Outcome) -> list[str]:
    """A sentence for each."""
    return [
        *_wrong_answers(outcome.journal),
        *_server_errors(outcome),
        *_leaks(outcome),
        *_lost_jobs(outcome),
    ]


def _wrong_answers(journal: Journal) -> Iterator[str]:
    for (kind, status), count in sorted(journal.counts.items()):
        if status == NO_ANSWER:
            yield f"{count} of the kind {kind!r} got no answer."
        elif status not in EXPECTED[kind]:
            yield f"{count} of the kind {kind!r} were answered {status}."
    for kind, status in sorted(journal.without_retry_after):
        yield f"A {status} of the kind {kind!r} did not say when to come back."


def _server_errors(outcome: Outcome) -> Iterator[str]:
    for (route, status), count in sorted(outcome.counts.server_errors.items()):
        if (route, status) not in PROVOKED:
            yield f"The server answered {count} times {status} at {route}, and nobody provoked it."
    for error in outcome.log.errors[:3]:
        yield f"The log has an error: {error}"


def _leaks(outcome: Outcome) -> Iterator[str]:
    before, after = outcome.before, outcome.after
    if after.threads > before.threads:
        yield _leak("Threads", before.threads, after.threads)
    if after.descriptors > before.descriptors:
        yield _leak("Descriptors", before.descriptors, after.descriptors)
    if outcome.growth_bytes > MAX_GROWTH_BYTES:
        grown, most = outcome.growth_bytes / MEGABYTE, MAX_GROWTH_BYTES / MEGABYTE
        yield f"Memory grew by {grown:.0f} MB, which is more than {most:.0f} MB."


def _leak(what: str, before: int, after: int) -> str:
    return f"{what} leaked: {before} before the load, {after} after it."


def _lost_jobs(outcome: Outcome) -> Iterator[str]:
    counts, log = outcome.counts, outcome.log
    if counts.under_way:
        yield f"{counts.under_way} jobs never ended."
    if counts.accepted != counts.ended.total():
        yield f"{counts.accepted} jobs were accepted, and {counts.ended.total()} ended."
    if +counts.ended != log.ended:
        yield f"The server counts {dict(+counts.ended)}, and its log has {dict(log.ended)}."
    if counts.ended["failed"]:
        yield f"{counts.ended['failed']} jobs failed, though nothing was wrong with them."
    for job in sorted(outcome.jobs):
        if (lines := log.lines[job[:SHORT]]) != 1:
            yield f"Job {job[:SHORT]} was accepted, and its end is in the log {lines} times."
