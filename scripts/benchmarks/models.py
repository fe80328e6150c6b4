"""The models that are measured, chosen and loaded as the server does it."""

import sys
from argparse import Namespace
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import torch

import captioner.blip
import captioner.engine
import generator.engine
import generator.pipeline
from captioner.blip import Blip
from generator.sdxl import SDXL
from models_cache.catalog import Checkpoint, Family
from models_cache.choice import Choice, Located
from models_cache.layout import WrongCheckpoint
from models_cache.loading import Placing
from models_cache.start import CannotStart, choose_both, place_models
from models_cache.store import ModelError, Store, check
from scripts.benchmarks.arguments import Plan
from scripts.random_checkpoints.__main__ import PARTS, TooLittleSpace, check_space
from scripts.random_checkpoints.sizes import SIZES
from webapp.__main__ import load_captioner, load_generator

CANNOT_LOAD = (CannotStart, WrongCheckpoint)
FAMILIES = {"captioner": Family.BLIP, "generator": Family.SDXL}
SEED = 0


@dataclass(frozen=True, slots=True)
class Loaded:
    """Both models as the server has them once it is ready.

    ``is_resident`` if all weights stay on the device, where a plain call can find them.
    """

    blip: Blip
    sdxl: SDXL
    max_batch_size: int
    is_resident: bool = True

    def captioning(self) -> closing[captioner.engine.Engine]:
        """A started engine, whose thread ends with the ``with`` block, see ``in_own_thread``."""
        engine = captioner.engine.Engine(self.blip)
        engine.start()
        return closing(engine)

    def painting(self) -> closing[generator.engine.Engine]:
        """A started engine of the generator, closed in the same way."""
        engine = generator.engine.Engine(self.sdxl, self.max_batch_size)
        engine.start()
        return closing(engine)


@dataclass(frozen=True)
class Subject:
    """What is measured, and how much. ``flags`` make a server load the same."""

    choice: Choice
    device: torch.device
    memory: str
    flags: Sequence[str]
    plan: Plan

    @cached_property
    def loaded(self) -> Loaded:
        """Both models in this process, loaded at the first use. Raises ``CANNOT_LOAD``."""
        return load(self.choice, self.memory, self.device)

    @property
    def folders(self) -> tuple[str, str]:
        return str(self.choice.captioner.folder), str(self.choice.generator.folder)

    @property
    def steps(self) -> int:
        return self.plan.steps or self.choice.generator.checkpoint.num_inference_steps

    @property
    def guidance_scale(self) -> float:
        return self.choice.generator.checkpoint.guidance_scale


def choose(options: Namespace) -> tuple[Choice, torch.device]:
    """The models that the flags ask for. Raises CannotStart.

    For random weights it writes their folders into ``options``, so that a server is told the same.
    """
    if not options.random:
        return choose_named(options)
    if options.models != "auto" or options.captioner or options.generator:
        raise CannotStart(
            "--random brings both models: leave out --models, --captioner and --generator, and"
            " their environment variables."
        )
    folders = write_missing(options.random, Store().folder / "random" / options.random)
    options.captioner, options.generator = str(folders["captioner"]), str(folders["generator"])
    choice, device = choose_named(options)
    return named_random(choice, options.random), device


def choose_named(options: Namespace) -> tuple[Choice, torch.device]:
    return choose_both(options.models, options.captioner, options.generator, options.device)


def named_random(choice: Choice, size: str) -> Choice:
    """``choice`` without its folders' names, which would not say what was measured."""

    def renamed(located: Located) -> Located:
        name = f"random weights, {size}"
        return replace(located, checkpoint=replace(located.checkpoint, name=name))

    return replace(choice, captioner=renamed(choice.captioner), generator=renamed(choice.generator))


def write_missing(size: str, root: Path) -> dict[str, Path]:
    """Writes each part that is not whole into ``root``; returns the folders. Raises CannotStart."""
    folders = {part: root / part for part in PARTS}
    for part, folder in folders.items():
        if not _is_whole(part, folder):
            _write(part, size, folder)
    return folders


def _write(part: str, size: str, folder: Path) -> None:
    checkpoint = PARTS[part](SIZES[size])
    gigabytes = checkpoint.size_bytes / 1e9
    try:
        check_space(folder, checkpoint.size_bytes)
    except TooLittleSpace as error:
        raise CannotStart(
            f"--random {size}: the {part} takes {gigabytes:.1f} GB, which {folder} has not free."
        ) from error
    print(f"writing random weights, {size} {part}, {gigabytes:.1f} GB ...", file=sys.stderr)
    for _ in checkpoint.write(folder, SEED):
        pass


def _is_whole(part: str, folder: Path) -> bool:
    try:
        check(Checkpoint(part, FAMILIES[part], folder=folder), folder)
    except ModelError:
        return False
    return True


def describe_models(choice: Choice) -> dict[str, str]:
    return {
        "captioner": public_name(choice.captioner.checkpoint),
        "generator": public_name(choice.generator.checkpoint),
    }


def public_name(checkpoint: Checkpoint) -> str:
    """The name without the folder before it. A hub id has a slash as well, and keeps it."""
    return checkpoint.name if checkpoint.repository else Path(checkpoint.name).name


def load(choice: Choice, memory: str, device: torch.device) -> Loaded:
    """Loads, places and warms both side by side, as the server does. Raises ``CANNOT_LOAD``.

    On threads that then end, see ``in_own_thread``.
    """
    words, paints = choice.captioner, choice.generator
    captioner.blip.check_weights(words.folder)
    generator.pipeline.check_weights(paints.folder)
    placement = place_models(memory, words.folder, paints.folder, device)
    reading = captioner.blip.loading(words.folder, words.checkpoint.name)
    painting = generator.pipeline.loading(paints.folder, paints.checkpoint.name)
    placing = Placing(2)
    with ThreadPoolExecutor(2) as executor:
        blip = executor.submit(load_captioner, words, placement, reading, placing)
        sdxl = executor.submit(load_generator, paints, placement, painting, placing)
    is_resident = placement.turns is None
    return Loaded(blip.result(), sdxl.result(), placement.at_once, is_resident)
