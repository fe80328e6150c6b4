"""Where the weights are to be: on the GPU for good, or in turns.  [torch]"""

import sys
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from threading import Lock

import torch

from models_cache import layout, memory, safetensors_header
from models_cache.catalog import Family
from models_cache.device import dtype_on, vae_dtype
from models_cache.device_memory import free_bytes
from models_cache.geometry import read_geometry
from models_cache.memory import Memory, Needs

# Of SDXL's UNet at two rows in half precision: 343 MB at 1024x1024 were measured on an H200, 327
# bytes a pixel, workspaces of the kernels included; other cards may choose hungrier ones.
STEP_BYTES_PER_PIXEL = 450
CPU_AT_ONCE = 8


class CannotPlace(Exception):
    """One sentence, ready to print."""


@dataclass(frozen=True, slots=True)
class Placement:
    """``turns`` is the lock that models take turns under, each for its phase; None: all stay.

    ``at_once`` is how many images may be denoised together.
    """

    device: torch.device
    turns: AbstractContextManager[object] | None = None
    at_once: int = CPU_AT_ONCE


def place(
    asked: str, captioner: Path | None, generator: Path | None, device: torch.device
) -> Placement:
    """For the folders of the models that will be loaded; prints the arithmetic.

    Raises CannotPlace, and ValueError for an ``asked`` that is none of Memory.
    """
    wanted = Memory(asked)
    if device.type != "cuda":
        if wanted is Memory.OFFLOAD:
            raise CannotPlace(
                "--memory offload is for CUDA devices: on a CPU all weights are in host memory."
            )
        return Placement(device)
    plan = memory.plan(wanted, needs(captioner, generator, device), free_bytes(device) or 0)
    print(plan.arithmetic, file=sys.stderr)
    turns = Lock() if plan.profile is Memory.OFFLOAD else None
    return Placement(device, turns, plan.at_once)


def needs(captioner: Path | None, generator: Path | None, device: torch.device) -> Needs:
    """What these two would take on ``device``. Raises WrongCheckpoint."""
    half = dtype_on(device).itemsize
    stay, come, pixels, decode = {}, {}, 0, 0
    if captioner:
        come["captioner"] = half * _parameters(captioner, Family.BLIP)["captioner"]
    if generator:
        count = _parameters(generator, Family.SDXL)
        vae_bytes = vae_dtype(generator, device).itemsize
        stay = {"UNet": half * count["unet"], "VAE": vae_bytes * count["vae"]}
        come["text encoders"] = half * (count["text_encoder"] + count["text_encoder_2"])
        geometry = read_geometry(generator)
        pixels = geometry.default_side**2
        decode = geometry.decode_bytes(geometry.tile_side**2, vae_bytes)
    return Needs(stay, come, STEP_BYTES_PER_PIXEL * pixels, decode)


def _parameters(folder: Path, family: Family) -> dict[str, int]:
    return {
        component: sum(map(safetensors_header.parameters, files))
        for component, files in layout.weight_files(folder, family).items()
    }
