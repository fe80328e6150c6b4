"""A request that comes when another one is half done: it joins it, or waits for its end."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from diffusers import StableDiffusionXLPipeline
from PIL import Image

from generator.engine import Engine
from generator.job import Progress
from generator.request import GenerationRequest
from generator.sdxl import SDXL
from scripts.benchmarks.clock import now
from scripts.benchmarks.painting import image_of, paint, running
from scripts.benchmarks.plan import Plan, draw_requests
from scripts.benchmarks.repetition import (
    Spread,
    difference,
    in_own_thread,
    interleave,
    pixel_difference,
    ratio,
)

ALONE = "engine, the first alone"
JOINS = "engine, the late one joins"
WAITS = "pipeline, the late one waits"


@dataclass(frozen=True, slots=True)
class Pair:
    """Seconds from each one's own submission; the late one is missing where the first is alone."""

    seconds: tuple[float, ...]
    images: tuple[Image.Image, ...]


@dataclass(frozen=True, slots=True)
class Late:
    """By repetition; ``seconds`` of the first and the late one, by variant."""

    seconds: Mapping[str, list[tuple[float, ...]]]
    largest_pixel_difference: int

    def first(self, variant: str) -> list[float]:
        return [each[0] for each in self.seconds[variant]]

    def late(self, variant: str) -> list[float]:
        return [each[1] for each in self.seconds[variant]]

    @property
    def figures(self) -> dict[str, Spread]:
        return {
            "the late one joins: its latency, s": Spread.of(self.late(JOINS)),
            "the late one waits and runs alone: its latency, s": Spread.of(self.late(WAITS)),
            "the late one, joining / waiting": ratio(self.late(JOINS), self.late(WAITS)),
            "the first, alone: its latency, s": Spread.of(self.first(ALONE)),
            "the first is delayed by, s": difference(self.first(JOINS), self.first(ALONE)),
            "the first, joined / alone": ratio(self.first(JOINS), self.first(ALONE)),
        }


def measure(sdxl: SDXL, max_batch_size: int, plan: Plan) -> Late:
    first, late = draw_requests(sdxl.info, plan, 2)

    def by_engine(run: Callable[[Engine], Pair]) -> Pair:
        with running(sdxl, max_batch_size) as engine:
            return run(engine)

    variants: dict[str, Callable[[], Pair]] = {
        ALONE: lambda: by_engine(lambda engine: alone(engine, first)),
        JOINS: lambda: by_engine(lambda engine: joins(engine, first, late)),
        WAITS: lambda: in_own_thread(lambda: waits(sdxl.pipeline, first, late)),
    }
    pairs = interleave(variants, plan.repeat, plan.warms_up)
    expected = pairs[WAITS][0].images
    return Late(
        {name: [pair.seconds for pair in results] for name, results in pairs.items()},
        max(
            pixel_difference(pair.images, expected[: len(pair.images)])
            for results in pairs.values()
            for pair in results
        ),
    )


def alone(engine: Engine, first: GenerationRequest) -> Pair:
    started = time.perf_counter()
    image = image_of(engine.submit(first))
    return Pair((time.perf_counter() - started,), (image,))


def joins(engine: Engine, first: GenerationRequest, late: GenerationRequest) -> Pair:
    started = time.perf_counter()
    job = engine.submit(first)
    for event in job.follow():
        if isinstance(event, Progress) and 2 * event.step >= event.num_inference_steps:
            break
    half_done = time.perf_counter()
    late_job = engine.submit(late)
    image = image_of(job)
    first_seconds = time.perf_counter() - started
    late_image = image_of(late_job)
    return Pair((first_seconds, time.perf_counter() - half_done), (image, late_image))


def waits(
    pipeline: StableDiffusionXLPipeline, first: GenerationRequest, late: GenerationRequest
) -> Pair:
    half_done: list[float] = []

    def look(running: Any, step: int, timestep: Any, tensors: dict[str, Any]) -> dict[str, Any]:
        if not half_done and 2 * (step + 1) >= running.num_timesteps:
            half_done.append(now(running.device))
        return tensors

    device = pipeline.unet.device
    started = now(device)
    images = paint(pipeline, [first], callback_on_step_end=look)
    first_seconds = now(device) - started
    images += paint(pipeline, [late])
    return Pair((first_seconds, now(device) - half_done[0]), tuple(images))
