"""How far half precision is from single, and an image in a batch from one alone.

On a CPU the models are in single precision, and are put into half by hand.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import torch
from torch import nn
from torch.utils._pytree import tree_map_only

from generator.decoder import Decoder
from generator.request import GenerationRequest
from generator.sample import Sample
from generator.sdxl import SDXL
from models_cache.runtime.device import OutOfMemory
from scripts.benchmarks.painting import draw_requests
from scripts.gpu_reports import activations
from scripts.gpu_reports.finding import Finding, finite
from scripts.gpu_reports.loading import load_generator
from scripts.gpu_reports.pictures import denoised, difference
from scripts.gpu_reports.subject import Subject

TOGETHER = 8
NO_ROOM = "not enough memory"

Inputs = tuple[tuple[Any, ...], dict[str, Any]]


def measure(subject: Subject) -> Iterator[Finding]:
    sdxl = load_generator(subject)
    if not subject.is_cuda:
        sdxl.pipeline.to(torch.float16)
        sdxl.pipeline.vae.to(torch.bfloat16)
    requests = draw_requests(sdxl.info, subject.plan, TOGETHER)
    yield from within_memory("batches", partial(of_batches, sdxl, requests))
    yield from within_memory("activations", partial(activations.of_generator, sdxl, requests[0]))
    [sample] = denoised(sdxl, requests[:1])
    yield from within_memory("VAE", partial(of_vae, sdxl, sample))
    yield from within_memory("UNet", partial(of_unet, sdxl, requests[0]))  # takes the most


def within_memory(what: str, section: Callable[[], Iterator[Finding]]) -> Iterator[Finding]:
    """The findings of ``section``, up to a lack of memory, which is one more."""
    try:
        yield from section()
    except (OutOfMemory, torch.OutOfMemoryError):
        yield Finding(what, NO_ROOM)


def of_batches(sdxl: SDXL, requests: Sequence[GenerationRequest]) -> Iterator[Finding]:
    """The first of ``requests`` alone, alone again, and among the others."""
    alone, again, among = (
        sdxl.decode(denoised(sdxl, asked)[:1])[0]
        for asked in (requests[:1], requests[:1], requests)
    )
    yield from difference("an image alone, twice", alone, again)
    yield from difference(f"an image alone, or among {len(requests) - 1} others", alone, among)


def of_vae(sdxl: SDXL, sample: Sample) -> Iterator[Finding]:
    """The image of the same latents in each precision, beside the one in fp32."""
    vae, processor = sdxl.pipeline.vae, sdxl.pipeline.image_processor
    own, images = vae.dtype, {}
    for dtype in (torch.float32, torch.bfloat16, torch.float16):
        decoder = Decoder(vae.to(dtype))
        with torch.inference_mode():
            pixels = decoder.decode(sample.latents)
        is_finite = bool(pixels.isfinite().all())
        yield Finding(f"decoded in {dtype}, finite", is_finite)
        if is_finite:
            [images[dtype]] = processor.postprocess(pixels, output_type="pil")
    vae.to(own)
    for dtype, image in images.items():
        if torch.float32 in images and dtype is not torch.float32:
            yield from difference(f"decoded in {dtype}, or in fp32", images[torch.float32], image)


def of_unet(sdxl: SDXL, request: GenerationRequest) -> Iterator[Finding]:
    """The noise that it sees in the first, the middle and the last step, beside fp32's."""
    unet, own = sdxl.pipeline.unet, sdxl.pipeline.unet.dtype
    forwards = forwards_of(sdxl, request)
    steps = {"first": 0, "middle": len(forwards) // 2, "last": len(forwards) - 1}
    half = {name: predicted(sdxl, forwards[step]) for name, step in steps.items()}
    unet.to(torch.float32)
    for name, step in steps.items():
        single = predicted(sdxl, forwards[step])
        apart = (half[name] - single).norm() / single.norm()
        what = f"noise of the {name} step, {own} or fp32: relative difference"
        yield Finding(what, finite(float(apart)))
    unet.to(own)


def forwards_of(sdxl: SDXL, request: GenerationRequest) -> list[Inputs]:
    """The UNet's arguments in each step of an image."""
    seen: list[Inputs] = []

    def look(unet: nn.Module, args: tuple[Any, ...], options: dict[str, Any]) -> None:
        seen.append((args, options))

    hook = sdxl.pipeline.unet.register_forward_pre_hook(look, with_kwargs=True)
    try:
        denoised(sdxl, [request])
    finally:
        hook.remove()
    return seen


def predicted(sdxl: SDXL, inputs: Inputs) -> torch.Tensor:
    """The UNet's answer in its present precision, in fp32."""
    unet = sdxl.pipeline.unet
    args, options = tree_map_only(
        torch.Tensor,
        lambda each: each.to(unet.dtype) if each.is_floating_point() else each,
        inputs,
    )
    with torch.inference_mode():
        noise: torch.Tensor = unet(*args, **options)[0].float()
    return noise
