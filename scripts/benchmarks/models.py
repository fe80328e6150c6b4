"""The models that are measured, chosen and loaded as the server does it."""

from argparse import Namespace
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import torch

from models_cache.advice import CannotStart
from models_cache.catalog import ROLES, Checkpoint, Family
from models_cache.flags import Models, Precision
from models_cache.runtime.device import pick_device
from models_cache.store import Store
from scripts.benchmarks.arguments import Plan
from scripts.benchmarks.loaded import Loaded
from scripts.random_checkpoints.missing import write_missing
from webapp.models import ModelPair


@dataclass(frozen=True)
class Subject:
    """The models that are measured, and how much. ``flags`` make a server load the same."""

    models: ModelPair
    flags: Sequence[str]
    plan: Plan

    @cached_property
    def loaded(self) -> Loaded:
        """Both models in this process, loaded at the first use."""
        return load(self.models)

    @property
    def device(self) -> torch.device:
        return self.models.placement.device

    @property
    def folders(self) -> list[str]:
        return [str(checkpoint.folder) for checkpoint in self.models.checkpoints.values()]

    @property
    def steps(self) -> int:
        return self.plan.steps or self._generator.num_inference_steps

    @property
    def guidance_scale(self) -> float:
        return self._generator.guidance_scale

    @property
    def _generator(self) -> Checkpoint:
        return self.models.checkpoints[Family.SDXL].known


def choose(options: Namespace) -> ModelPair:
    """The models that the flags ask for. Raises CannotStart.

    For random weights it writes their folders into ``options``, so that a server is told the same.
    """
    if not options.random:
        return choose_named(options)
    if options.models is not Models.AUTO or options.captioner or options.generator:
        raise CannotStart(
            "--random brings both models: leave out --models, --captioner and --generator, and"
            " their environment variables"
        )
    folders = write_missing(options.random, Store().folder / "random" / options.random)
    options.captioner, options.generator = str(folders["captioner"]), str(folders["generator"])
    return named_random(choose_named(options), options.random)


def choose_named(options: Namespace) -> ModelPair:
    if options.dtype is Precision.AUTO and pick_device(options.device).type == "cpu":
        options.dtype = Precision.FP32  # as the libraries beside them; the server is told the same
    names = {Family.BLIP: options.captioner, Family.SDXL: options.generator}
    return ModelPair.choose(options.models, names, options.device, options.memory, options.dtype)


def named_random(models: ModelPair, size: str) -> ModelPair:
    """``models`` without their folders' names, which would not say what was measured."""
    checkpoints = {
        family: replace(each, known=replace(each.known, name=f"random weights, {size}"))
        for family, each in models.checkpoints.items()
    }
    return replace(models, checkpoints=checkpoints)


def describe_models(models: ModelPair) -> dict[str, str]:
    return {ROLES[family]: public_name(each.known) for family, each in models.checkpoints.items()}


def public_name(checkpoint: Checkpoint) -> str:
    """The name without the folder before it. A hub id has a slash as well, and keeps it."""
    return checkpoint.name if checkpoint.repository else Path(checkpoint.name).name


def load(models: ModelPair) -> Loaded:
    """Loads and warms both side by side, as the server does.

    On threads that then end, see ``in_own_thread``.
    """
    with ThreadPoolExecutor(2) as executor:
        blip = executor.submit(models.load_captioner)
        sdxl = executor.submit(models.load_generator)
    placement = models.placement
    is_resident = placement.device_lock is None
    return Loaded(blip.result(), sdxl.result(), placement.max_batch_size, is_resident)
