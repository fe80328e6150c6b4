"""What the judge of the fast path says of each candidate here, and what an image takes then."""

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import chain

from generator.fast.path import FastPath
from generator.fast.trials import trials
from scripts.gpu_reports.finding import Finding
from scripts.gpu_reports.loading import load_warm
from scripts.gpu_reports.speed import saturated, to_png
from scripts.gpu_reports.subject import NO_CUDA, Subject
from scripts.gpu_reports.yardsticks import BY_FAST_PATH

SECONDS = 0.2  # between two looks whether a compiler's process has ended


def measure(subject: Subject) -> Iterator[Finding]:
    if not subject.is_cuda:
        yield Finding("the fast path", NO_CUDA)
        return
    loaded = load_warm(subject)
    # Without a history, as all is to be judged now.
    path = FastPath(lambda: list(trials(loaded.sdxl, subject.placement)))
    loaded.sdxl.fast_path = path
    started = time.perf_counter()
    yield from judged(path, loaded.sdxl.improve)
    yield Finding("all was tried after", time.perf_counter() - started, "s")
    yield Finding("the fast path", path.name or "none")
    plan = subject.plan
    for finding in chain(to_png(loaded, plan), saturated(loaded, plan)):
        yield replace(finding, what=f"{finding.what}{BY_FAST_PATH}")


def judged(path: FastPath, improve: Callable[[], None]) -> Iterator[Finding]:
    """Each verdict as soon as there is one."""
    told = 0
    while path.has_more:
        if path.has_trial:
            improve()
        else:
            time.sleep(SECONDS)
        for verdict in path.verdicts[told:]:
            yield Finding(verdict.name, str(verdict).partition(": ")[2])
        told = len(path.verdicts)
