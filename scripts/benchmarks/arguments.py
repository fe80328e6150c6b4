"""The command line of the benchmark, and the plan that follows from it."""

import argparse
import os
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from models_cache.flags import EPILOG, add_model_flags
from scripts.random_checkpoints.sizes import SIZES

PROGRAM = "scripts/benchmark"
PROMPT = "a red house by the sea"


@dataclass(frozen=True, slots=True)
class Plan:
    """The amount to measure.

    ``starts`` limits the repetitions of what starts a process. ``steps`` None means as many as the
    checkpoint asks for. ``step_counts`` are for images that are compared by their steps, whatever
    ``steps`` is. ``requests`` are how many at once. ``arrivals`` are how many come one by one, and
    ``mixed_steps`` what every second of them asks for where they differ, the fewest first.
    """

    repeat: int = 10
    starts: int = 3
    steps: int | None = None
    step_counts: tuple[int, ...] = (20, 30, 50)
    requests: tuple[int, ...] = (1, 2, 4, 8)
    arrivals: int = 24
    mixed_steps: tuple[int, ...] = (6, 40)
    warms_up: bool = True


# Shows that the benchmark works, and nothing else.
QUICK = Plan(
    repeat=2,
    starts=1,
    steps=2,
    step_counts=(2, 3, 4),
    arrivals=4,
    mixed_steps=(1, 3),
    warms_up=False,
)
# More steps take no more memory.
FOR_MEMORY = Plan(steps=2)


def parse(
    arguments: Sequence[str], description: str | None, parts: Collection[str]
) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog=PROGRAM, description=description, epilog=EPILOG)
    parser.add_argument(
        "--only", choices=list(parts), action="append", help="may be repeated (all)"
    )
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
        help="random weights in place of --models, --captioner and --generator, written first if"
        " they are missing: full is as large as BLIP-large and SDXL-base, 8.8 GB",
    )
    add_model_flags(parser, os.environ)
    return parser.parse_args(arguments)


def plan_of(options: argparse.Namespace) -> Plan:
    plan = QUICK if options.quick else Plan()
    return replace(
        plan,
        repeat=options.repeat or plan.repeat,
        steps=options.steps or plan.steps,
        requests=tuple(options.requests or plan.requests),
    )


def server_flags(options: argparse.Namespace) -> list[str]:
    """The flags with which a server loads the same models in the same place."""
    named = ("models", "captioner", "generator", "device", "memory", "dtype")
    return [f"--{name}={getattr(options, name)}" for name in named if getattr(options, name)]


def positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number from 1 on")
    return int(text)
