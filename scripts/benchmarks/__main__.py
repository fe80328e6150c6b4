"""Measures the engine beside the plain pipeline, the web beside the engines, and the start."""

import argparse
import os
import sys
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

# Before any import that reads them: with the weights at hand nothing is ever looked up.
os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
os.environ.setdefault("DIFFUSERS_VERBOSITY", "error")

import torch

from generator.engine import Engine
from generator.sdxl import SDXL
from models_cache.choice import Choice
from models_cache.flags import EPILOG, add_model_flags
from models_cache.start import CannotStart, choose_both
from scripts.benchmarks import engine_benchmark, http_benchmark, late_benchmark, start_benchmark
from scripts.benchmarks.machine import describe_machine, describe_models
from scripts.benchmarks.plan import QUICK, Plan
from scripts.benchmarks.repetition import in_own_thread
from scripts.benchmarks.report import Report, to_json, to_markdown
from scripts.benchmarks.server_process import serving
from webapp.__main__ import load_services
from webapp.services import Services
from webapp.settings import Settings

PROGRAM = "scripts/benchmark"
PARTS = ("engine", "http", "start")


def main(arguments: Sequence[str]) -> int:
    options = _parser().parse_args(arguments)
    try:
        choice, device = choose_both(
            options.models, options.captioner, options.generator, options.device
        )
    except CannotStart as error:
        print(f"{PROGRAM}: {error}", file=sys.stderr)
        return 2
    report = Report(
        date=datetime.now(UTC).isoformat(timespec="seconds"),
        machine=describe_machine(device),
        models=describe_models(choice),
        plan=_plan(options),
    )
    report = _measure(report, options, choice, device)
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
    # The server's own engines, so that batch sizes and warmth are what is served with.
    services = in_own_thread(lambda: load_services(Settings(), choice, device))
    if "engine" in parts:
        report = _measure_engine(report, services.generator)
    if "http" in parts:
        report = _measure_web(report, services, flags)
    return report


def _measure_engine(report: Report, engine: Engine) -> Report:
    sdxl, max_batch_size, plan = engine.model, engine.max_batch_size, report.plan
    assert isinstance(sdxl, SDXL)
    at_once = []
    for count in plan.requests:
        _say(f"requests at once: {count}")
        at_once.append(engine_benchmark.measure(sdxl, max_batch_size, plan, count))
    _say("a late request")
    return replace(report, engine=at_once, late=late_benchmark.measure(sdxl, max_batch_size, plan))


def _measure_web(report: Report, services: Services, flags: Sequence[str]) -> Report:
    _say("the web beside the engines")
    services.captioner.start()
    services.generator.start()
    try:
        with serving(flags) as server:
            engines = services.captioner, services.generator
            web = http_benchmark.measure(server, *engines, report.plan)
    finally:
        services.captioner.close()
        services.generator.close()
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
