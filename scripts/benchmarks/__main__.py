"""Measures the engine beside the plain pipeline, the web beside the engines, and the start."""

import argparse
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

# Before any import that reads them: with the weights at hand nothing is ever looked up.
os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
os.environ.setdefault("DIFFUSERS_VERBOSITY", "error")

import torch

import captioner.blip
import captioner.engine
import generator.pipeline
from generator.engine import Engine
from generator.sdxl import SDXL
from models_cache.choice import Choice
from models_cache.flags import EPILOG, add_model_flags
from models_cache.loading import Placing
from models_cache.start import CannotStart, choose_both, place_models
from scripts.benchmarks import engine_benchmark, http_benchmark, late_benchmark, start_benchmark
from scripts.benchmarks.machine import describe_machine, describe_models
from scripts.benchmarks.other_work import OtherWork
from scripts.benchmarks.plan import QUICK, Plan
from scripts.benchmarks.repetition import in_own_thread
from scripts.benchmarks.report import Report, to_json, to_markdown
from scripts.benchmarks.server_process import serving
from webapp.__main__ import load_captioner, load_generator

PROGRAM = "scripts/benchmark"
PARTS = ("engine", "http", "start")


@dataclass(frozen=True, slots=True)
class Engines:
    captioner: captioner.engine.Engine
    generator: Engine


def main(arguments: Sequence[str]) -> int:
    options = _parser().parse_args(arguments)
    try:
        choice, device = choose_both(
            options.models, options.captioner, options.generator, options.device
        )
    except CannotStart as error:
        print(f"{PROGRAM}: {error}", file=sys.stderr)
        return 2
    others = OtherWork()
    report = Report(
        date=datetime.now(UTC).isoformat(timespec="seconds"),
        machine=describe_machine(device),
        models=describe_models(choice),
        plan=_plan(options),
    )
    report = _measure(report, options, choice, device)
    report = replace(report, cores_taken=others.cores())
    print(to_markdown(report))
    if options.json:
        options.json.write_text(to_json(report) + "\n")
    return 0


def _measure(
    report: Report, options: argparse.Namespace, choice: Choice, device: torch.device
) -> Report:
    plan, flags = report.plan, _server_flags(options)
    parts = options.only or PARTS
    if "start" in parts:
        _say("starting the server, and a bare program")
        report = replace(report, start=start_benchmark.measure(choice, str(device), flags, plan))
    if parts == ["start"]:
        return report
    engines = _load_engines(choice, options.memory, device)
    if "engine" in parts:
        report = _measure_engine(report, engines.generator)
    if "http" in parts:
        report = _measure_web(report, engines, flags)
    return report


def _load_engines(choice: Choice, memory: str, device: torch.device) -> Engines:
    """As the server makes them, so that batch sizes and warmth are what is served with."""
    folders = choice.captioner.folder, choice.generator.folder
    placement = place_models(memory, *folders, device)
    paints = generator.pipeline.loading(choice.generator.folder, "generator")
    sdxl = in_own_thread(lambda: load_generator(choice.generator, placement, paints, Placing()))
    words = captioner.blip.loading(choice.captioner.folder, "captioner")
    blip = load_captioner(choice.captioner, placement, words, Placing())
    return Engines(captioner.engine.Engine(blip), Engine(sdxl, placement.at_once))


def _measure_engine(report: Report, engine: Engine) -> Report:
    sdxl, max_batch_size, plan = engine.model, engine.max_batch_size, report.plan
    assert isinstance(sdxl, SDXL)
    at_once = []
    for count in plan.requests:
        _say(f"requests at once: {count}")
        at_once.append(engine_benchmark.measure(sdxl, max_batch_size, plan, count))
    _say("a late request")
    return replace(report, engine=at_once, late=late_benchmark.measure(sdxl, max_batch_size, plan))


def _measure_web(report: Report, engines: Engines, flags: Sequence[str]) -> Report:
    _say("the web beside the engines")
    engines.captioner.start()
    engines.generator.start()
    try:
        with serving(flags) as server:
            web = http_benchmark.measure(server, engines.captioner, engines.generator, report.plan)
    finally:
        engines.captioner.close()
        engines.generator.close()
    return replace(report, web=web)


def _plan(options: argparse.Namespace) -> Plan:
    plan = QUICK if options.quick else Plan()
    return Plan(
        repeat=options.repeat or plan.repeat,
        starts=plan.starts,
        steps=options.steps or plan.steps,
        requests=tuple(options.requests or plan.requests),
        warms_up=plan.warms_up,
    )


def _server_flags(options: argparse.Namespace) -> list[str]:
    """For the server to load what we load."""
    named = ("models", "captioner", "generator", "device")
    return [f"--{name}={getattr(options, name)}" for name in named if getattr(options, name)]


def _say(what: str) -> None:
    print(f"{what} ...", file=sys.stderr)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog=PROGRAM, description=__doc__, epilog=EPILOG)
    parser.add_argument("--only", choices=PARTS, action="append", help="may be repeated (all)")
    parser.add_argument(
        "--requests", type=_positive, nargs="+", metavar="N", help="how many at once (1 4 8)"
    )
    parser.add_argument("--repeat", type=_positive, help=f"repetitions ({Plan().repeat})")
    parser.add_argument("--steps", type=_positive, help="denoising steps (the checkpoint's own)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every measurement here")
    parser.add_argument(
        "--quick", action="store_true", help="try the benchmark out; its figures say nothing"
    )
    add_model_flags(parser, os.environ)
    return parser


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number from 1 on")
    return int(text)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
