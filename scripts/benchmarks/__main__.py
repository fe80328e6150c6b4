"""Measures the engines beside the plain libraries, the web beside the engines, and the start."""

import sys
from argparse import Namespace
from collections.abc import Callable, Collection, Iterator, Sequence
from datetime import UTC, datetime

from models_cache import environment, terminal

environment.prepare()

from models_cache.advice import CannotStart
from scripts.benchmarks import captions, encoding, images, peers, processes, replicas, web
from scripts.benchmarks.arguments import PROGRAM, parse, plan_of, server_flags
from scripts.benchmarks.comparison import Comparison
from scripts.benchmarks.machine import OtherWork, describe_machine
from scripts.benchmarks.models import Subject, choose, describe_models
from scripts.benchmarks.report import Report, to_json, to_markdown

PARTS: dict[str, Callable[[Subject], Iterator[Comparison]]] = {
    # First, because the models that this process loads would disturb them.
    "start": processes.start,
    "load": processes.load,
    "peers": peers.peers,
    "replicas": replicas.replicas,
    "steps": images.by_steps,
    "engine": images.at_once_and_late,
    "captions": captions.captions,
    "http": web.http,
    "png": encoding.encoding,
}
# What these need, and whether it is there.
EXTRAS: dict[str, tuple[str, Callable[[], bool]]] = {
    "peers": ("LitServe", lambda: peers.is_installed()),
    "replicas": ("Ray", lambda: replicas.is_installed()),
}
# These make plain calls on the weights that we loaded.
NEED_RESIDENT_WEIGHTS = ("steps", "engine", "captions")


def main(arguments: Sequence[str]) -> int:
    options = parse(arguments, __doc__, PARTS)
    try:
        report = _benchmark(options)
    except CannotStart as error:
        print(f"{PROGRAM}: {error}", file=sys.stderr)
        return 2
    print(to_markdown(report))
    if options.json:
        options.json.write_text(to_json(report) + "\n")
    return 0


def _benchmark(options: Namespace) -> Report:
    models = choose(options)
    subject = Subject(models, server_flags(options), plan_of(options))
    date, others = datetime.now(UTC), OtherWork()
    machine = describe_machine(subject.device)
    comparisons = list(measure(subject, options.only or PARTS))
    return Report(
        date.isoformat(timespec="seconds"),
        machine,
        describe_models(models),
        subject.plan,
        comparisons,
        others.cores(),
    )


def measure(subject: Subject, wanted: Collection[str]) -> Iterator[Comparison]:
    for part in (part for part in PARTS if part in wanted):
        if part in NEED_RESIDENT_WEIGHTS and not subject.loaded.is_resident:
            _say(f"{part}: left out, a plain call cannot use offloaded weights")
            continue
        if part in EXTRAS and not EXTRAS[part][1]():
            needed = EXTRAS[part][0]
            _say(f"{part}: left out, it needs {needed}, which {PROGRAM} --only {part} installs")
            continue
        _say(f"{part} ...")
        for comparison in PARTS[part](subject):
            _say(f"measured: {comparison.title}")
            yield comparison


def _say(what: str) -> None:
    print(what, file=sys.stderr)


if __name__ == "__main__":
    terminal.run(main)
