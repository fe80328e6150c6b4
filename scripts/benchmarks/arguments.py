"""The command line of the benchmark."""

import argparse
import os
from collections.abc import Sequence
from pathlib import Path

from models_cache.flags import EPILOG, add_model_flags
from scripts.benchmarks.plan import QUICK, Plan
from scripts.random_checkpoints.sizes import SIZES

PROGRAM = "scripts/benchmark"
FRESH = ("start", "load")  # measured in processes of their own
SHARED = ("steps", "engine", "captions")  # plain calls on the weights that we loaded
PARTS = (*FRESH, *SHARED, "http")


def parse(arguments: Sequence[str], description: str | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog=PROGRAM, description=description, epilog=EPILOG)
    parser.add_argument("--only", choices=PARTS, action="append", help="may be repeated (all)")
    at_once = " ".join(map(str, Plan().requests))
    parser.add_argument(
        "--requests", type=positive, nargs="+", metavar="N", help=f"how many at once ({at_once})"
    )
    parser.add_argument("--repeat", type=positive, help=f"repetitions ({Plan().repeat})")
    parser.add_argument("--steps", type=positive, help="denoising steps (the checkpoint's own)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every measurement here")
    parser.add_argument(
        "--quick", action="store_true", help="try the benchmark out; its figures say nothing"
    )
    parser.add_argument(
        "--random",
        choices=SIZES,
        help="random weights in place of --models, --captioner and --generator, written first where"
        " they are missing: full is as large as BLIP-large and SDXL-base, 8.8 GB",
    )
    add_model_flags(parser, os.environ)
    return parser.parse_args(arguments)


def plan_of(options: argparse.Namespace) -> Plan:
    plan = QUICK if options.quick else Plan()
    return Plan(
        repeat=options.repeat or plan.repeat,
        starts=plan.starts,
        steps=options.steps or plan.steps,
        step_counts=plan.step_counts,
        requests=tuple(options.requests or plan.requests),
        warms_up=plan.warms_up,
    )


def server_flags(options: argparse.Namespace) -> list[str]:
    """For the server to load what we load, where we do."""
    named = ("models", "captioner", "generator", "device", "memory")
    return [f"--{name}={getattr(options, name)}" for name in named if getattr(options, name)]


def positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number from 1 on")
    return int(text)
