"""The ways to an image that are compared: a call of the pipeline, and a job of an engine."""

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any

import torch
from diffusers import StableDiffusionXLPipeline
from diffusers.utils.torch_utils import randn_tensor
from PIL import Image

from generator.engine import Engine
from generator.job import Job, Succeeded
from generator.request import GenerationRequest
from generator.sdxl import SDXL


@contextlib.contextmanager
def running(sdxl: SDXL, max_batch_size: int) -> Iterator[Engine]:
    """An engine whose thread begins and ends here, see ``in_own_thread``."""
    engine = Engine(sdxl, max_batch_size)
    engine.start()
    try:
        yield engine
    finally:
        engine.close()


def paint(
    pipeline: StableDiffusionXLPipeline, requests: Sequence[GenerationRequest], **options: Any
) -> list[Image.Image]:
    """One call of the pipeline. The requests differ in prompt and seed alone.

    It starts from the engine's noise, so that both paint the same.

    Where the VAE is of another type than the UNet, which no call casts between, its latents are
    decoded here.
    """
    shared = requests[0]
    is_split = pipeline.vae.dtype != pipeline.unet.dtype
    rngs = [torch.Generator("cpu").manual_seed(request.seed) for request in requests]
    painted = pipeline(
        prompt=[request.prompt for request in requests],
        negative_prompt=shared.negative_prompt,
        width=shared.width,
        height=shared.height,
        num_inference_steps=shared.num_inference_steps,
        guidance_scale=shared.guidance_scale,
        latents=noise(pipeline, shared, rngs),
        generator=rngs,
        output_type="latent" if is_split else "pil",
        **options,
    ).images
    images: list[Image.Image] = decoded(pipeline, painted) if is_split else painted
    return images


def noise(
    pipeline: StableDiffusionXLPipeline, request: GenerationRequest, rngs: list[torch.Generator]
) -> torch.Tensor:
    """Drawn in fp32, as the engine does, whatever numbers this torch release draws in fp16."""
    scale, channels = pipeline.vae_scale_factor, pipeline.unet.config.in_channels
    shape = len(rngs), channels, request.height // scale, request.width // scale
    drawn = randn_tensor(shape, rngs, pipeline.unet.device, torch.float32)
    return drawn.to(pipeline.unet.dtype)


def decoded(pipeline: StableDiffusionXLPipeline, latents: torch.Tensor) -> list[Image.Image]:
    """As ``StableDiffusionXLPipeline.__call__`` does it, in the VAE's own type.

    One by one, as after ``vae.enable_slicing``: eight large ones together outgrow kernels and GPUs.
    """
    vae = pipeline.vae
    mean, std = vae.config.latents_mean, vae.config.latents_std
    latents = latents.to(vae.dtype)
    if mean is not None and std is not None:
        latents = latents * per_channel(std, latents) / vae.config.scaling_factor
        latents = latents + per_channel(mean, latents)
    else:
        latents = latents / vae.config.scaling_factor
    with torch.inference_mode():
        pixels = [vae.decode(each, return_dict=False)[0] for each in latents.split(1)]
    images: list[Image.Image] = pipeline.image_processor.postprocess(
        torch.cat(pixels), output_type="pil"
    )
    return images


def per_channel(values: Sequence[float], latents: torch.Tensor) -> torch.Tensor:
    return torch.tensor(values, device=latents.device, dtype=latents.dtype).view(1, -1, 1, 1)


def image_of(job: Job) -> Image.Image:
    """Blocks until it is there."""
    outcome = job.wait()
    if not isinstance(outcome, Succeeded):
        raise RuntimeError(f"a job of the benchmark ended with {outcome}")
    return outcome.image
