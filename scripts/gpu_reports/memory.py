"""The memory that the models take on the card, beside what ``--memory auto`` reckons with."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import torch

from captioner.blip import Blip
from generator.decoder import Decoder
from generator.sdxl import SDXL
from models_cache.catalog import Family
from models_cache.runtime.device import free
from models_cache.runtime.gpu_fit import (
    LIVE_COPIES,
    RESERVE_BYTES,
    STEP_BYTES_PER_PIXEL,
    Needs,
    Placement,
)
from scripts.benchmarks.captions import draw_pictures
from scripts.gpu_reports.finding import Finding, megabytes
from scripts.gpu_reports.subject import NO_CUDA, Subject

IMAGES = (1, 2, 4)
CAPTIONS = 8


@dataclass(frozen=True, slots=True)
class Peak:
    """The bytes that a call took at most: ``beside`` the tensors that were there before it.

    ``beyond`` is what torch's allocator then held and no tensor used.
    """

    beside: int
    beyond: int

    @classmethod
    def of(cls, device: torch.device, call: Callable[[], object]) -> "Peak":
        free()
        before = torch.cuda.memory_allocated(device)
        torch.cuda.reset_peak_memory_stats(device)
        with torch.inference_mode():
            call()
        most = torch.cuda.max_memory_allocated(device)
        return cls(most - before, torch.cuda.max_memory_reserved(device) - most)


def measure(subject: Subject) -> Iterator[Finding]:
    if not subject.is_cuda:
        yield Finding("memory of the card", NO_CUDA)
        return
    device, placement = subject.device, Placement(subject.device)
    free_at_first = torch.cuda.mem_get_info(device)[0]
    needs = Needs.of(subject.checkpoints.values(), device)
    sdxl = SDXL.load(subject.checkpoints[Family.SDXL], placement)
    planned = sum(needs.stay.values()) + needs.come["text encoders"]
    yield megabytes("weights of the generator", torch.cuda.memory_allocated(device), planned)
    yield from of_steps(sdxl, needs)
    yield from of_decodes(sdxl)
    before = torch.cuda.memory_allocated(device)
    blip = Blip.load(subject.checkpoints[Family.BLIP], placement)
    weights = torch.cuda.memory_allocated(device) - before
    yield megabytes("weights of the captioner", weights, needs.come["captioner"])
    captions = Peak.of(device, partial(blip.caption_batch, draw_pictures(CAPTIONS)))
    yield megabytes(f"a batch of {CAPTIONS} captions", captions.beside)
    yield from of_reserve(device, free_at_first, captions)


def of_steps(sdxl: SDXL, needs: Needs) -> Iterator[Finding]:
    """Two rows an image, for there is guidance."""
    side = sdxl.info.default_size
    samples = sdxl.prepare([sdxl.info.request("a house", seed=seed) for seed in range(max(IMAGES))])
    sdxl.denoise(samples)  # so that workspaces are there, which stay
    steps = {
        count: Peak.of(sdxl.device, partial(sdxl.denoise, samples[:count])) for count in IMAGES
    }
    for count, step in steps.items():
        what = f"a step at {side}x{side}, {2 * count} rows"
        yield megabytes(what, step.beside, count * needs.step)
    each = steps[1].beside / side**2
    yield Finding("a step of 2 rows, bytes a pixel", each, planned=STEP_BYTES_PER_PIXEL)


def of_decodes(sdxl: SDXL) -> Iterator[Finding]:
    [sample] = sdxl.prepare([sdxl.info.request("a house", seed=0)])
    vae, geometry = sdxl.pipeline.vae, Decoder(sdxl.pipeline.vae).geometry
    latents = sample.latents.to(vae.dtype) / vae.config.scaling_factor
    for how, side in (("in one piece", sdxl.info.default_size), ("in tiles", geometry.tile_side)):
        vae.use_tiling = how == "in tiles"
        peak = Peak.of(sdxl.device, partial(vae.decode, latents))
        planned = geometry.decode_bytes(side**2, latents.element_size())
        yield megabytes(f"a decode {how}", peak.beside, planned)
        copies = LIVE_COPIES * peak.beside / planned
        yield Finding(f"copies of the widest stage, {how}", copies, planned=LIVE_COPIES)


def of_reserve(device: torch.device, free_at_first: int, captions: Peak) -> Iterator[Finding]:
    """The three things that ``RESERVE_BYTES`` is for."""
    free_now = torch.cuda.mem_get_info(device)[0]
    kernels = free_at_first - free_now - torch.cuda.memory_reserved(device)
    yield megabytes("kernels", kernels)
    yield megabytes("held by the allocator and used by no tensor", captions.beyond)
    together = kernels + captions.beyond + captions.beside
    yield megabytes("these two, and a batch of captions", together, RESERVE_BYTES)
