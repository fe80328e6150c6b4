"""Random weights of the published sizes: what the parts after this one load."""

import time
from collections.abc import Iterator

from models_cache.catalog import ROLES
from scripts.gpu_reports.finding import Finding, megabytes
from scripts.gpu_reports.subject import Subject
from scripts.random_checkpoints.missing import write_missing


def measure(subject: Subject) -> Iterator[Finding]:
    started = time.perf_counter()
    write_missing(subject.size, subject.root)
    yield Finding("written, or found whole, in", time.perf_counter() - started, "s")
    for family, checkpoint in subject.checkpoints.items():
        files = [file for files in checkpoint.weights.values() for file in files]
        size = sum(file.stat().st_size for file in files)
        yield megabytes(f"weights of the {ROLES[family]}", size)
