"""Writes checkpoints of random weights in the layout of BLIP-large and SDXL-base.

``full`` can replace the published checkpoints if only speed, memory and loading matter. Names,
shapes, types and sizes of the weights are theirs, and so are SDXL's configs and tokenizers; only
the pictures mean nothing. ``tiny`` has the same layout with few channels. The same seed writes the
same bytes on any machine.
"""

import argparse
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from models_cache import environment, terminal

environment.prepare()

from models_cache.store import Store
from scripts.random_checkpoints import checkpoint
from scripts.random_checkpoints.sizes import SIZES

PARTS = {"captioner": checkpoint.captioner, "generator": checkpoint.generator}


class TooLittleSpace(Exception):
    """A sentence."""


def main(arguments: Sequence[str]) -> int:
    options = _options(arguments)
    checkpoints = {part: PARTS[part](SIZES[options.size]) for part in options.parts}
    try:
        check_space(options.output, sum(one.size_bytes for one in checkpoints.values()))
    except TooLittleSpace as error:
        print(error, file=sys.stderr)
        return 1
    for part, one in checkpoints.items():
        for path in one.write(options.output / part, options.seed):
            print(f"{path}  {path.stat().st_size:,} bytes", flush=True)
    return 0


def check_space(folder: Path, needed: int) -> None:
    """Raises TooLittleSpace. ``folder`` need not exist yet; ``needed`` is in bytes."""
    there = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    free = shutil.disk_usage(there).free
    if free < needed:
        raise TooLittleSpace(
            f"{folder} has {free / 1e9:.1f} GB free, and {needed / 1e9:.1f} GB are needed:"
            " make room or take another --output."
        )


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="scripts/random_checkpoint",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("parts", nargs="*", help=f"of {', '.join(PARTS)} (both)")
    parser.add_argument("--size", choices=SIZES, required=True, help="full is 8.8 GB")
    parser.add_argument("--output", type=Path, help="folder (models_cache/random/<size>)")
    parser.add_argument("--seed", type=int, default=0, help="0 or more (0)")
    options = parser.parse_args(arguments)
    options.parts = options.parts or list(PARTS)
    options.output = options.output or Store().folder / "random" / options.size
    if unknown := set(options.parts) - set(PARTS):
        parser.error(f"unknown part {', '.join(sorted(unknown))}: use {', '.join(PARTS)}")
    if options.seed < 0:
        parser.error("argument --seed: 0 or more")
    return options


if __name__ == "__main__":
    terminal.run(main)
