"""Where the weights are to be: on the GPU for good, or in turns.  [torch]"""

import sys
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from threading import Lock

import torch

from models_cache import layout, memory, safetensors_header
from models_cache.catalog import Family
from models_cache.checkpoint_file import read_json
from models_cache.device import dtype_on, vae_dtype
from models_cache.device_memory import free_bytes
from models_cache.memory import Memory, Needs

# Of SDXL's UNet at two rows in half precision: a prediction, 1.5 GB at 1024x1024. In fp32 on a CPU
# 1,184 bytes were measured, which halved leaves the rest to the kernels' workspaces.
STEP_BYTES_PER_PIXEL = 1430
# Of a decode's widest stage, as many copies as are alive at its peak: 3.8 were measured in fp32 on
# a CPU, and workspaces come on top.
LIVE_COPIES = 5
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
    """What these two would take on ``device``."""
    half = dtype_on(device).itemsize
    stay, come, pixels, decode = {}, {}, 0, 0
    if captioner:
        come["captioner"] = half * _parameters(captioner, Family.BLIP)["captioner"]
    if generator:
        count = _parameters(generator, Family.SDXL)
        vae_bytes = vae_dtype(generator, device).itemsize
        stay = {"UNet": half * count["unet"], "VAE": vae_bytes * count["vae"]}
        come["text encoders"] = half * (count["text_encoder"] + count["text_encoder_2"])
        pixels, decode = _pixels(generator), _tile_bytes(generator, vae_bytes)
    return Needs(stay, come, STEP_BYTES_PER_PIXEL * pixels, decode)


def decode_bytes(channels: int, pixels: int, itemsize: int) -> int:
    """What a decode takes beside the weights; ``channels`` are those of its widest stage."""
    return LIVE_COPIES * channels * pixels * itemsize


def _parameters(folder: Path, family: Family) -> dict[str, int]:
    return {
        component: sum(map(safetensors_header.parameters, files))
        for component, files in layout.weight_files(folder, family).items()
    }


def _pixels(generator: Path) -> int:
    """Of an image of the size that the checkpoint was trained on."""
    vae = read_json(generator / "vae" / "config.json")
    unet = read_json(generator / "unet" / "config.json")
    scale: int = 2 ** (len(vae["block_out_channels"]) - 1)
    side: int = (unet.get("sample_size") or 128) * scale
    return side**2


def _tile_bytes(generator: Path, itemsize: int) -> int:
    vae = read_json(generator / "vae" / "config.json")
    tile = vae["sample_size"] // 2
    return decode_bytes(vae["block_out_channels"][:2][-1], tile**2, itemsize)
