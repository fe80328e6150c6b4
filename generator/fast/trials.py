"""The trials of one loaded model, in the order in which each builds on those before."""

import os
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol

import diffusers
import torch
from diffusers import StableDiffusionXLPipeline
from torch.nn.attention import SDPBackend

from generator.fast.bench import DecodeBench, UNetBench
from generator.fast.candidate import Attention, ChannelsLast, HalfAccumulation
from generator.fast.compiled import Compiled
from generator.fast.graphs import Graphs
from generator.fast.history import History
from generator.fast.order import Order
from generator.fast.path import FastPath, Trial
from generator.model_info import ModelInfo
from generator.request import GenerationRequest
from generator.sample import Sample
from generator.unet_inputs import UNetInputs
from models_cache.runtime import nvidia
from models_cache.runtime.device import free_bytes
from models_cache.runtime.gpu_fit import RESERVE_BYTES, STEP_BYTES_PER_PIXEL, Placement
from models_cache.store import Store

CONTEXT_BYTES = 600_000_000  # of a process on the device: 552 MB on an H200
CANDIDATES = 3  # the edition of those below: a name may come to stand for something else
BACKENDS = (
    SDPBackend.CUDNN_ATTENTION,
    SDPBackend.FLASH_ATTENTION,
    SDPBackend.EFFICIENT_ATTENTION,
)


class Painter(Protocol):
    """The parts of ``generator.sdxl.SDXL`` that trials need."""

    pipeline: StableDiffusionXLPipeline
    info: ModelInfo
    device: torch.device

    def prepare(self, requests: Sequence[GenerationRequest]) -> list[Sample]: ...
    def pixels(self, latents: torch.Tensor) -> torch.Tensor: ...


def fast_path(sdxl: Painter, placement: Placement) -> FastPath:
    """The fast path of a model on CUDA, all of it still to be tried; on a CPU none pays."""
    folder = Store().folder / "compiled"
    history = History(folder / "verdicts.json", _key(sdxl, placement))
    if sdxl.device.type != "cuda":
        return FastPath(None, history)
    os.environ.setdefault("TORCHINDUCTOR_CACHE_DIR", str(folder))
    return FastPath(lambda: list(trials(sdxl, placement)), history)


def trials(sdxl: Painter, placement: Placement) -> Iterator[Trial]:
    unet, vae = sdxl.pipeline.unet, sdxl.pipeline.vae
    seeds = range(placement.max_batch_size)
    samples = sdxl.prepare([sdxl.info.request("a house", seed=seed) for seed in seeds])
    step_bytes = STEP_BYTES_PER_PIXEL * sdxl.info.default_size**2
    painting, decoding = UNetBench(unet, samples, step_bytes), DecodeBench(sdxl.pixels, samples[0])
    size = samples[0].latents.shape[-2:]
    layout, kernels = ChannelsLast("UNet", unet), [Attention(each) for each in BACKENDS]
    yield layout, painting
    yield ChannelsLast("VAE", vae), decoding
    for kernel in kernels:
        yield kernel, painting
    if "GeForce" in torch.cuda.get_device_name(sdxl.device):
        yield HalfAccumulation(), painting

    graphs = Graphs("UNet", unet, has_room=room_for_graphs(sdxl, placement, painting.needed_bytes))
    yield graphs, painting

    def ahead() -> Sequence[str] | None:
        """None if a second UNet finds no room beside the largest forwards of both processes."""
        free, few = free_bytes(sdxl.device), painting.inputs.first(painting.sizes[0])
        needed = unet.get_memory_footprint() + 2 * painting.needed_bytes + CONTEXT_BYTES
        if free is not None and free < needed:
            return None
        rows = range(len(few.latents), painting.sizes[-1] + 1)
        on = [each for each in kernels if each.is_on]
        return order(unet, few, rows, layout.is_on, on).command()

    yield Compiled("UNet", unet, size, ahead, graphs), painting


def room_for_graphs(
    sdxl: Painter, placement: Placement, batch_bytes: int
) -> Callable[[torch.Tensor], bool]:
    """Whether a graph of such latents leaves room for the largest batch, and for what comes in.

    A graph keeps about what its forward takes.
    """
    pipeline = sdxl.pipeline
    encoders = (pipeline.text_encoder, pipeline.text_encoder_2) if placement.device_lock else ()
    coming = sum(int(each.get_memory_footprint()) for each in encoders)
    pixels = pipeline.vae_scale_factor**2  # of one latent

    def has_room(latents: torch.Tensor) -> bool:
        count = len(latents) * latents.shape[-2:].numel() * pixels
        graph = STEP_BYTES_PER_PIXEL * count // 2  # which are of two rows
        free = free_bytes(sdxl.device)
        return free is None or free >= graph + batch_bytes + coming + RESERVE_BYTES

    return has_room


def order(
    unet: Any,
    inputs: UNetInputs,
    rows: Sequence[int],
    channels_last: bool,
    attention: Sequence[Attention],
) -> Order:
    """For a process that compiles what this one will, for inputs as these."""
    latents = inputs.latents
    return Order(
        # Private entries say where it was loaded from.
        config={key: each for key, each in unet.config.items() if not key.startswith("_")},
        device=str(latents.device),
        dtype=_name(latents.dtype),
        timestep_dtype=_name(inputs.timesteps.dtype),
        size=(latents.shape[-2], latents.shape[-1]),
        rows=list(rows),
        tokens=inputs.prompt_embeds.shape[1],
        pooled_width=inputs.added_cond_kwargs["text_embeds"].shape[1],
        channels_last=channels_last,
        attention=[each.backend.name for each in attention],
    )


def _name(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")


def _key(sdxl: Painter, placement: Placement) -> str:
    """All that a verdict depends on."""
    device = sdxl.device
    card = torch.cuda.get_device_name(device) if device.type == "cuda" else str(device)
    driver = nvidia.Facts.gather(device.index or 0).driver
    versions = (
        f"driver {driver}",
        f"torch {torch.__version__}",
        f"diffusers {diffusers.__version__}",
    )
    batch = f"batches of {placement.max_batch_size}"
    own = sdxl.info.name, str(sdxl.pipeline.unet.dtype), batch, f"candidates {CANDIDATES}"
    return ", ".join([card, *versions, *own])
