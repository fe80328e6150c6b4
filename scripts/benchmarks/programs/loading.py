"""Gives the programs beside ours what they ask of our loading; imports no more than that."""

from pathlib import Path
from typing import Any

import torch

from captioner.blip import Blip
from generator.model_info import ModelInfo
from generator.pipeline import read_model_info
from generator.sdxl import SDXL
from models_cache.catalog import Checkpoint, Family
from models_cache.local_checkpoint import LocalCheckpoint
from models_cache.runtime.device import dtype_on
from models_cache.runtime.gpu_fit import Placement


def load_bare(
    folders: tuple[Path, Path], device: torch.device, steps: int, guidance_scale: float
) -> tuple[Blip, SDXL]:
    """Loads both with the least that a program needs, one after the other."""
    placement = Placement(device)
    blip = Blip.load(opened(folders[0], Family.BLIP), placement)
    generator = opened(folders[1], Family.SDXL, steps, guidance_scale)
    return blip, SDXL.load(generator, placement)


def read_info(folder: Path, guidance_scale: float) -> ModelInfo:
    return read_model_info(opened(folder, Family.SDXL, 1, guidance_scale))


def plain_options(folder: Path, device: torch.device, family: Family) -> dict[str, Any]:
    """Options of ``from_pretrained`` that give the files and the precision that we load."""
    variants = opened(folder, family).variants
    component = "captioner" if family is Family.BLIP else "unet"
    return {"dtype": dtype_on(device), "variant": variants[component]}


def opened(
    folder: Path, family: Family, steps: int = 1, guidance_scale: float = 1.0
) -> LocalCheckpoint:
    known = Checkpoint(
        family.value,
        family,
        folder=folder,
        num_inference_steps=steps,
        guidance_scale=guidance_scale,
    )
    return LocalCheckpoint.open(known, folder)
