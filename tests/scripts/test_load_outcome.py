"""What a load shows to be broken, judged from made-up readings."""

from collections import Counter
from dataclasses import replace

import pytest

from scripts.load_test.job_log import JobLog
from scripts.load_test.journal import NO_ANSWER, Journal
from scripts.load_test.outcome import MAX_GROWTH_BYTES, Outcome, broken_promises
from scripts.load_test.readings import Counts, Held
from scripts.load_test.report import to_markdown

JOBS = ("a" * 32, "b" * 32, "c" * 32)
ENDED = Counter(succeeded=2, failed=0, cancelled=1)


def journal(*answers: tuple[str, int]) -> Journal:
    kept = Journal()
    for kind, status in answers:
        kept.note(kind, status, 0.1)
    return kept


def sound() -> Outcome:
    """After which nothing is left, though the server refused what it had to."""
    provoked = Counter({("jobs.events", 503): 3, ("health.readyz", 503): 5})
    return Outcome(
        journal(("upload", 303), ("upload", 429), ("too large", 413), ("events", 503)),
        frozenset(JOBS),
        Held(threads=265, descriptors=11, bytes=700_000_000),
        Held(threads=265, descriptors=11, bytes=710_000_000),
        [(second, 700_000_000 + 1_000_000 * second) for second in range(60)],
        Counts(0, 3, ENDED, provoked),
        JobLog(Counter(job[:8] for job in JOBS), +ENDED),
    )


def told(**changes: object) -> str:
    """The one sentence about a run that differs from a sound one by these."""
    (sentence,) = broken_promises(replace(sound(), **changes))
    return sentence


def counts(**changes: object) -> Counts:
    return replace(sound().counts, **changes)


def test_a_sound_run_breaks_no_promise():
    assert broken_promises(sound()) == []


def test_an_answer_that_nobody_may_get_is_told():
    assert "2 of the kind 'call' were answered 500" in told(
        journal=journal(("call", 500), ("call", 500))
    )
    assert "1 of the kind 'bad file' were answered 303" in told(journal=journal(("bad file", 303)))


def test_a_request_without_an_answer_is_told():
    assert "'page' got no answer" in told(journal=journal(("page", NO_ANSWER)))


@pytest.mark.parametrize(
    "answer", [("pages.upload", 500), ("pages.upload", 503), ("jobs.events", 500)]
)
def test_a_5xx_that_only_the_server_knows_of_is_told(answer):
    assert answer[0] in told(counts=counts(server_errors=Counter({answer: 1})))


def test_a_refusal_that_does_not_say_when_to_come_back_is_told():
    kept = journal(("upload", 429))
    kept.note_missing_retry_after("upload", 429)
    assert "did not say when" in told(journal=kept)


def test_an_error_in_the_log_is_told():
    assert "a request failed ValueError: x" in told(
        log=replace(sound().log, errors=["a request failed ValueError: x"])
    )


def test_a_thread_that_is_left_is_told():
    assert told(after=replace(sound().after, threads=266)).startswith("Threads leaked: 265")


def test_a_descriptor_that_is_left_is_told():
    assert told(after=replace(sound().after, descriptors=12)).startswith("Descriptors leaked: 11")


def test_fewer_than_before_are_no_leak():
    assert not broken_promises(replace(sound(), after=Held(260, 9, 600_000_000)))


def test_memory_that_grew_is_told():
    grown = replace(sound().before, bytes=sound().before.bytes + int(MAX_GROWTH_BYTES) + 1)
    assert told(after=grown).startswith("Memory grew by")


def test_a_job_that_never_ends_is_told():
    """By all who count: it is under way, the sums differ, and the log lacks its line."""
    log = JobLog(Counter(job[:8] for job in JOBS[1:]), Counter(succeeded=1, cancelled=1))
    ended = Counter(succeeded=1, failed=0, cancelled=1)
    sentences = broken_promises(replace(sound(), counts=counts(under_way=1, ended=ended), log=log))
    assert sentences == [
        "1 jobs never ended.",
        "3 jobs were accepted, and 2 ended.",
        "Job aaaaaaaa was accepted, and its end is in the log 0 times.",
    ]


def test_a_job_that_ends_twice_is_told():
    lines = Counter(job[:8] for job in (*JOBS, JOBS[0]))
    assert "in the log 2 times" in told(log=replace(sound().log, lines=lines))


def test_a_job_that_ends_otherwise_in_the_log_is_told():
    log = replace(sound().log, ended=Counter(succeeded=3))
    assert "its log has {'succeeded': 3}" in told(log=log)


def test_a_job_that_failed_is_told():
    failed = Counter(succeeded=1, failed=1, cancelled=1)
    log = replace(sound().log, ended=+failed)
    assert told(counts=counts(ended=failed), log=log).startswith("1 jobs failed")


def test_the_slope_is_of_a_minute():
    assert sound().slope == pytest.approx(60)
    assert replace(sound(), curve=[(0, 1)]).slope == 0


def test_the_report_has_all_figures():
    text = to_markdown(sound())
    rows = [[cell.strip() for cell in row.split("|")[1:-1]] for row in text.splitlines()]
    assert ["upload", "429", "1", "0.100", "0.100", "0.100"] in rows
    assert ["3", "1", "0", "2"] in rows
    assert ["threads", "265", "265"] in rows
    assert ["memory, MB", "700", "710"] in rows
    assert ["memory while loaded, MB a minute", "", "+60.0"] in rows
    assert "by tenths of the time: 702 708 714" in text
