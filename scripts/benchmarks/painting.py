"""The ways to an image that are compared: a call of the pipeline, and a job of an engine."""

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any

import torch
from diffusers import StableDiffusionXLPipeline
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
    """One call of the pipeline. The requests differ in prompt and seed alone."""
    shared = requests[0]
    images: list[Image.Image] = pipeline(
        prompt=[request.prompt for request in requests],
        negative_prompt=shared.negative_prompt,
        width=shared.width,
        height=shared.height,
        num_inference_steps=shared.num_inference_steps,
        guidance_scale=shared.guidance_scale,
        generator=[torch.Generator("cpu").manual_seed(request.seed) for request in requests],
        **options,
    ).images
    return images


def image_of(job: Job) -> Image.Image:
    """Blocks until it is there."""
    outcome = job.wait()
    if not isinstance(outcome, Succeeded):
        raise RuntimeError(f"a job of the benchmark ended with {outcome}")
    return outcome.image
