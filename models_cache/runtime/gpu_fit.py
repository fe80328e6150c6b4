"""Works out whether the models fit a GPU, from their files, before anything is loaded.

Weights are exact: they are counted in the headers of the files. What a step and a decode take
beside them is predicted, and grows with the number of pixels.
"""

import math
import sys
from collections.abc import Collection, Iterable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Any

import torch

from models_cache.advice import CannotStart
from models_cache.catalog import Family, in_words
from models_cache.flags import Memory, Precision
from models_cache.local_checkpoint import LocalCheckpoint
from models_cache.runtime.device import choose_dtype, dtype_on, free_bytes, vae_dtype
from models_cache.whole import shapes

# What kernels take at their first use (100 MB on an H200), what the allocator cannot use of what it
# holds (170 MB), and what a batch of captions takes beside a painting (256 MB).
RESERVE_BYTES = 600_000_000
MAX_BATCH_SIZE = 4  # images: more fill a GPU no better
CPU_BATCH_SIZE = 8
# Of SDXL's UNet at two rows in half precision: 343 MB at 1024x1024 were measured on an H200, 327
# bytes a pixel, workspaces of the kernels included; other cards may choose hungrier ones.
STEP_BYTES_PER_PIXEL = 450
HALF = 2  # bytes of a number in half precision
SDXL_SAMPLE_SIZE = 128  # latents; diffusers takes it if a UNet does not say
# Copies of a decode's widest stage that are alive at its peak: 4.75 were measured in bf16 on
# an H200 for an image in one piece, 4.81 for one in tiles, workspaces of the kernels included.
LIVE_COPIES = 5


@dataclass(frozen=True, slots=True)
class Geometry:
    """Sizes that an SDXL's configs tell.

    ``scale`` is pixels per latent; ``default_side`` and ``tile_side`` are pixels.
    ``widest_channels`` is how many the decoder has at the image's full size: those that its last
    block but one makes.
    """

    scale: int
    default_side: int
    tile_side: int
    widest_channels: int

    @classmethod
    def of(cls, unet: Mapping[str, Any], vae: Mapping[str, Any]) -> "Geometry":
        """Reads the two configs. Raises what lookups and numbers raise if they do not say."""
        channels = list(vae["block_out_channels"])
        scale = 2 ** (len(channels) - 1)
        sizes = unet.get("sample_size") or SDXL_SAMPLE_SIZE, vae["sample_size"]
        # A side, or the first of two.
        side, vae_side = (
            int(each[0] if isinstance(each, list | tuple) else each) for each in sizes
        )
        tile = max(8, vae_side // 2 // scale) * scale
        return cls(scale, side * scale, tile, int(channels[:2][-1]))

    def decode_bytes(self, pixels: int, itemsize: int) -> int:
        """The memory that a decode in one piece takes beside the weights, as predicted."""
        return LIVE_COPIES * self.widest_channels * pixels * itemsize


def read_geometry(checkpoint: LocalCheckpoint) -> Geometry:
    """Raises CheckpointError."""
    try:
        return Geometry.of(checkpoint.config("unet"), checkpoint.config("vae"))
    except (KeyError, TypeError, ValueError, IndexError) as error:
        reason = f"its configs do not say what sizes it has ({error!r})"
        raise checkpoint.unsuitable(reason) from error


@dataclass(frozen=True, slots=True)
class Needs:
    """Bytes on the GPU. ``stay``: weights that are always there, by component.

    ``come``: weights that offload keeps in host memory between uses. ``step`` is what one image's
    denoising step takes, ``decode`` what the decode of one tile does.
    """

    stay: Mapping[str, int]
    come: Mapping[str, int]
    step: int
    decode: int

    @classmethod
    def of(
        cls,
        checkpoints: Iterable[LocalCheckpoint],
        device: torch.device,
        dtype: torch.dtype | None = None,
    ) -> "Needs":
        """Adds up what these would take on ``device``. Raises CheckpointError."""
        size = (dtype or dtype_on(device)).itemsize
        stay: dict[str, int] = {}
        come: dict[str, int] = {}
        pixels = decode = 0
        for checkpoint in checkpoints:
            count = {part: _numbers_in(files) for part, files in checkpoint.weights.items()}
            if checkpoint.known.family is Family.BLIP:
                come["captioner"] = size * count["captioner"]
                continue
            vae_bytes = vae_dtype(checkpoint, device, dtype).itemsize
            stay = {"UNet": size * count["unet"], "VAE": vae_bytes * count["vae"]}
            come["text encoders"] = size * (count["text_encoder"] + count["text_encoder_2"])
            geometry = read_geometry(checkpoint)
            pixels = geometry.default_side**2
            decode = geometry.decode_bytes(geometry.tile_side**2, vae_bytes)
        return cls(stay, come, STEP_BYTES_PER_PIXEL * pixels * size // HALF, decode)

    @property
    def work(self) -> int:
        return max(self.step, self.decode)

    def total(self, memory: Memory) -> int:
        """``resident``: everything stays on the GPU.

        ``offload``: one thing at a time comes, when no step and no decode is at work.
        """
        come = self.come.values()
        is_resident = memory is Memory.RESIDENT
        rest = sum(come) + self.work if is_resident else max(*come, self.work)
        return sum(self.stay.values()) + RESERVE_BYTES + rest


@dataclass(frozen=True, slots=True)
class Fit:
    """``memory`` is RESIDENT or OFFLOAD; ``arithmetic`` is for the owner to read.

    ``max_batch_size`` is how many images can be denoised together, from 1 to MAX_BATCH_SIZE.
    """

    memory: Memory
    max_batch_size: int
    arithmetic: str

    @classmethod
    def of(cls, asked: Memory, needs: Needs, free: int) -> "Fit":
        """``asked`` goes before what fits ``free`` bytes; AUTO takes RESIDENT if that fits."""
        memory = asked
        if asked is Memory.AUTO:
            fits = needs.total(Memory.RESIDENT) <= free
            memory = Memory.RESIDENT if fits else Memory.OFFLOAD
        needed = needs.total(memory)
        more = (free - needed) // needs.step if needs.step else MAX_BATCH_SIZE
        batch = max(1, min(MAX_BATCH_SIZE, 1 + more))
        verdict = f"{in_words(free)} are free"
        verdict = f"{verdict}." if needed <= free else f"only {verdict}: it may not fit."
        sentence = f"Memory: {memory}. {_sum(needs, memory)} = {in_words(needed)}; {verdict}"
        return cls(memory, batch, sentence)


@dataclass(frozen=True, slots=True)
class Placement:
    """``device_lock``: held by a model while it computes, if weights come and go; None: all stay.

    ``max_batch_size`` is how many images may be denoised together. ``dtype`` None is the usual one
    of the device.
    """

    device: torch.device
    device_lock: AbstractContextManager[object] | None = None
    max_batch_size: int = CPU_BATCH_SIZE
    dtype: torch.dtype | None = None

    @property
    def weights_dtype(self) -> torch.dtype:
        return self.dtype or dtype_on(self.device)


def place(
    asked: Memory,
    checkpoints: Collection[LocalCheckpoint],
    device: torch.device,
    precision: Precision = Precision.AUTO,
) -> Placement:
    """For the models that will be loaded; prints the arithmetic. Raises CannotStart."""
    is_demo = all(checkpoint.known.is_demo for checkpoint in checkpoints)
    dtype = choose_dtype(precision, device, is_demo)
    if device.type != "cuda":
        if asked is Memory.OFFLOAD:
            raise CannotStart(
                "--memory offload is for CUDA devices: on a CPU all weights are in host memory"
            )
        return Placement(device, dtype=dtype)
    try:
        free = free_bytes(device) or 0
    except RuntimeError as error:  # another program has it for itself, or its memory is full
        reason = str(error).partition("\n")[0]
        raise CannotStart(
            f"{device} does not answer: {reason}",
            "Look with nvidia-smi whether other programs use it, and end those.",
        ) from error
    fit = Fit.of(asked, Needs.of(checkpoints, device, dtype), free)
    print(fit.arithmetic, file=sys.stderr)
    device_lock = Lock() if fit.memory is Memory.OFFLOAD else None
    return Placement(device, device_lock, fit.max_batch_size, dtype)


def _numbers_in(files: Iterable[Path]) -> int:
    """The number of weights in these files."""
    return sum(math.prod(shape) for file in files for shape in shapes(file).values())


def _sum(needs: Needs, memory: Memory) -> str:
    reserve, work = {"reserve": RESERVE_BYTES}, {"work": needs.work}
    if memory is Memory.RESIDENT:
        return _terms({**needs.stay, **needs.come, **work, **reserve}, " + ")
    largest = _terms({**needs.come, **work}, ", ")
    return f"{_terms({**needs.stay, **reserve}, ' + ')} + the largest of ({largest})"


def _terms(sizes: Mapping[str, int], separator: str) -> str:
    return separator.join(f"{name} {in_words(size)}" for name, size in sizes.items())
