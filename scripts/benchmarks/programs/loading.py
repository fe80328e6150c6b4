"""What the programs beside ours ask of our loading; imports no more than they need."""

from pathlib import Path
from typing import Any

import torch

from captioner.blip import Blip
from generator.model_info import Defaults, ModelInfo
from generator.pipeline import read_model_info
from generator.sdxl import SDXL
from models_cache import layout
from models_cache.device import dtype_on


def load_bare(
    folders: tuple[Path, Path], device: torch.device, steps: int, guidance_scale: float
) -> tuple[Blip, SDXL]:
    """Loads both with the least that a program needs, one after the other."""
    words, paints = folders
    blip = Blip.load(words, device, "captioner")
    return blip, SDXL.load(paints, device, "generator", Defaults(steps, guidance_scale))


def read_info(folder: Path, guidance_scale: float) -> ModelInfo:
    return read_model_info(folder, "generator", Defaults(1, guidance_scale))


def plain_options(
    folder: Path, device: torch.device, component: str | None = None
) -> dict[str, Any]:
    """Options of ``from_pretrained`` that give the files and the precision that we load."""
    variant = layout.component_variant(folder, component) if component else layout.variant(folder)
    return {"dtype": dtype_on(device), "variant": variant}
