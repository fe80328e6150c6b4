"""Images by a plain call of the pipeline, and the requests for them."""

from collections.abc import Sequence
from random import Random
from typing import Any

import torch
from diffusers import StableDiffusionXLPipeline
from diffusers.utils.torch_utils import randn_tensor
from PIL import Image

from generator.model_info import ModelInfo
from generator.request import GenerationRequest
from scripts.benchmarks.arguments import Plan
from scripts.demo_models.scenes import sample_scene


def draw_requests(info: ModelInfo, plan: Plan, count: int) -> list[GenerationRequest]:
    """Requests that are equal in each run, and differ from each other in prompt and seed alone."""
    rng = Random("benchmark")
    return [
        info.request(sample_scene(rng).caption, seed=seed, num_inference_steps=plan.steps)
        for seed in range(count)
    ]


def paint(
    pipeline: StableDiffusionXLPipeline, requests: Sequence[GenerationRequest], **options: Any
) -> list[Image.Image]:
    """Calls the pipeline once, for requests that differ in prompt and seed alone.

    It starts from the engine's noise, so that both paint the same. If the VAE has another type
    than the UNet, the latents are decoded here: no call of the pipeline casts between the two.
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
    """Draws in fp32, as the engine does: some torch releases draw other numbers in fp16."""
    scale, channels = pipeline.vae_scale_factor, pipeline.unet.config.in_channels
    shape = len(rngs), channels, request.height // scale, request.width // scale
    drawn = randn_tensor(shape, rngs, pipeline.unet.device, torch.float32)
    return drawn.to(pipeline.unet.dtype)


def decoded(pipeline: StableDiffusionXLPipeline, latents: torch.Tensor) -> list[Image.Image]:
    """Decodes as ``StableDiffusionXLPipeline.__call__`` does, but in the VAE's own type.

    One image after the other, as after ``vae.enable_slicing``: eight large ones together are too
    much for kernels and GPUs.
    """
    vae = pipeline.vae
    latents = latents.to(vae.dtype)
    mean, std = (
        latents.new_tensor(values).view(1, -1, 1, 1)
        for values in (vae.config.latents_mean or [0.0], vae.config.latents_std or [1.0])
    )
    latents = latents * std / vae.config.scaling_factor + mean
    with torch.inference_mode():
        pixels = [vae.decode(each, return_dict=False)[0] for each in latents.split(1)]
    images: list[Image.Image] = pipeline.image_processor.postprocess(
        torch.cat(pixels), output_type="pil"
    )
    return images
