"""Measures the engines beside the plain libraries, the web beside the engines, and the start."""

import sys
from argparse import Namespace
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

from models_cache import environment, terminal

environment.prepare()

import torch

import captioner.engine
import generator.engine
from models_cache.choice import Choice
from models_cache.layout import WrongCheckpoint
from models_cache.start import CannotStart, choose_both
from models_cache.store import Store
from scripts.benchmarks import (
    captions_benchmark,
    engine_benchmark,
    http_benchmark,
    late_benchmark,
    load_benchmark,
    start_benchmark,
    steps_benchmark,
)
from scripts.benchmarks.arguments import (
    FRESH,
    PARTS,
    PROGRAM,
    SHARED,
    parse,
    plan_of,
    server_flags,
)
from scripts.benchmarks.comparison import Comparison
from scripts.benchmarks.loaded import Loaded, load
from scripts.benchmarks.machine import describe_machine, describe_models
from scripts.benchmarks.other_work import OtherWork
from scripts.benchmarks.random_models import choose_random, write_missing
from scripts.benchmarks.report import Report, to_json, to_markdown
from scripts.benchmarks.server_process import serving


def main(arguments: Sequence[str]) -> int:
    options = parse(arguments, __doc__)
    try:
        report = _benchmark(options)
    except (CannotStart, WrongCheckpoint) as error:
        print(f"{PROGRAM}: {error}", file=sys.stderr)
        return 2
    print(to_markdown(report))
    if options.json:
        options.json.write_text(to_json(report) + "\n")
    return 0


def _benchmark(options: Namespace) -> Report:
    choice, device = _choose(options)
    others = OtherWork()
    report = Report(
        date=datetime.now(UTC).isoformat(timespec="seconds"),
        machine=describe_machine(device),
        models=describe_models(choice),
        plan=plan_of(options),
    )
    report = _measure(report, options, choice, device)
    return replace(report, cores_taken=others.cores())


def _choose(options: Namespace) -> tuple[Choice, torch.device]:
    if not options.random:
        return choose_both(options.models, options.captioner, options.generator, options.device)
    if options.models != "auto" or options.captioner or options.generator:
        raise CannotStart(
            "--random brings both models: leave out --models, --captioner and --generator, and"
            " their environment variables."
        )
    folders = write_missing(options.random, Store().folder / "random" / options.random)
    # For the server to be told the same.
    options.captioner, options.generator = folders["captioner"], folders["generator"]
    return choose_random(options.random, folders, options.device)


def _measure(report: Report, options: Namespace, choice: Choice, device: torch.device) -> Report:
    parts, flags = options.only or PARTS, server_flags(options)
    # First: what this process has loaded would lie in the way of the others.
    report = _measure_fresh(report, parts, choice, str(device), flags)
    if set(parts) <= set(FRESH):
        return report
    loaded = load(choice, options.memory, device)
    parts = measurable(parts, loaded)
    if "steps" in parts:
        _say("images by steps")
        steps = steps_benchmark.measure(loaded.sdxl, loaded.max_batch_size, report.plan)
        report = _with(report, steps=steps)
    if "engine" in parts:
        report = _measure_engine(report, loaded)
    if "captions" in parts:
        _say("captions")
        report = _with(report, captions=captions_benchmark.measure(loaded.blip, report.plan))
    if "http" in parts:
        report = _measure_web(report, loaded, flags)
    return report


def measurable(parts: Sequence[str], loaded: Loaded) -> Sequence[str]:
    if loaded.is_resident:
        return parts
    _say(f"offloaded weights are for our engines alone: leaving out {', '.join(SHARED)}")
    return [part for part in parts if part not in SHARED]


def _measure_fresh(
    report: Report, parts: Sequence[str], choice: Choice, device: str, flags: Sequence[str]
) -> Report:
    if "start" in parts:
        _say("starting the server, and a bare program")
        report = replace(report, start=start_benchmark.measure(choice, device, flags, report.plan))
    if "load" in parts:
        _say("loading both models, and the memory that they take")
        loads, memory = load_benchmark.measure(choice, device, flags, report.plan)
        report = _with(report, load=loads, memory=memory)
    return report


def _measure_engine(report: Report, loaded: Loaded) -> Report:
    sdxl, max_batch_size, plan = loaded.sdxl, loaded.max_batch_size, report.plan
    at_once = []
    for count in plan.requests:
        _say(f"requests at once: {count}")
        at_once.append(engine_benchmark.measure(sdxl, max_batch_size, plan, count))
    _say("a late request")
    return replace(report, engine=at_once, late=late_benchmark.measure(sdxl, max_batch_size, plan))


def _measure_web(report: Report, loaded: Loaded, flags: Sequence[str]) -> Report:
    _say("the web beside the engines")
    captions = captioner.engine.Engine(loaded.blip)
    images = generator.engine.Engine(loaded.sdxl, loaded.max_batch_size)
    captions.start()
    images.start()
    try:
        with serving(flags) as server:
            web = http_benchmark.measure(server, captions, images, report.plan)
    finally:
        captions.close()
        images.close()
    return replace(report, web=web)


def _with(report: Report, **comparisons: Comparison) -> Report:
    return replace(report, comparisons={**report.comparisons, **comparisons})


def _say(what: str) -> None:
    print(f"{what} ...", file=sys.stderr)


if __name__ == "__main__":
    terminal.run(main)
