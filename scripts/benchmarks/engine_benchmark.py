"""Requests that come at once: the plain pipeline and the engine, on the same weights."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from diffusers import StableDiffusionXLPipeline
from PIL import Image

from generator.engine import Engine
from generator.request import GenerationRequest
from generator.sdxl import SDXL
from scripts.benchmarks.clock import now
from scripts.benchmarks.painting import image_of, paint, running
from scripts.benchmarks.plan import Plan, draw_requests
from scripts.benchmarks.repetition import (
    Spread,
    in_own_thread,
    interleave,
    pixel_difference,
    ratio,
)

ONE_BY_ONE = "pipeline, one call per request"
ONE_CALL = "pipeline, one call with all prompts"
ENGINE = "engine, submitted apart"


@dataclass(frozen=True, slots=True)
class Painted:
    """Seconds from the submission of all to each image in its client's hands."""

    latencies: tuple[float, ...]
    images: tuple[Image.Image, ...]


@dataclass(frozen=True, slots=True)
class AtOnce:
    """``latencies`` are by variant, then by repetition, then by request."""

    requests: int
    latencies: Mapping[str, Sequence[tuple[float, ...]]]
    largest_pixel_difference: int

    def mean(self, variant: str) -> list[float]:
        return [sum(each) / len(each) for each in self.latencies[variant]]

    def worst(self, variant: str) -> list[float]:
        return [max(each) for each in self.latencies[variant]]

    def images_per_second(self, variant: str) -> list[float]:
        return [len(each) / max(each) for each in self.latencies[variant]]

    def figures(self, variant: str) -> dict[str, Spread]:
        return {
            "mean latency, s": Spread.of(self.mean(variant)),
            "worst latency, s": Spread.of(self.worst(variant)),
            "images/s": Spread.of(self.images_per_second(variant)),
        }

    def ratios(self, variant: str) -> dict[str, Spread]:
        """The engine's figures over the variant's."""
        return {
            "mean latency": ratio(self.mean(ENGINE), self.mean(variant)),
            "worst latency": ratio(self.worst(ENGINE), self.worst(variant)),
            "images/s": ratio(self.images_per_second(ENGINE), self.images_per_second(variant)),
        }


def measure(sdxl: SDXL, max_batch_size: int, plan: Plan, count: int) -> AtOnce:
    requests = draw_requests(sdxl.info, plan, count)

    def engine() -> Painted:
        with running(sdxl, max_batch_size) as engine:
            return submitted_apart(engine, requests)

    variants: dict[str, Callable[[], Painted]] = {
        ONE_BY_ONE: lambda: in_own_thread(lambda: one_by_one(sdxl.pipeline, requests)),
        ONE_CALL: lambda: in_own_thread(lambda: one_call(sdxl.pipeline, requests)),
        ENGINE: engine,
    }
    painted = interleave(variants, plan.repeat, plan.warms_up)
    expected = painted[ONE_BY_ONE][0].images
    return AtOnce(
        count,
        {name: [each.latencies for each in results] for name, results in painted.items()},
        max(pixel_difference(each.images, expected) for all_ in painted.values() for each in all_),
    )


def one_by_one(
    pipeline: StableDiffusionXLPipeline, requests: Sequence[GenerationRequest]
) -> Painted:
    latencies, images = [], []
    started = now(pipeline.unet.device)
    for request in requests:
        images += paint(pipeline, [request])
        latencies.append(now(pipeline.unet.device) - started)
    return Painted(tuple(latencies), tuple(images))


def one_call(pipeline: StableDiffusionXLPipeline, requests: Sequence[GenerationRequest]) -> Painted:
    started = now(pipeline.unet.device)
    images = paint(pipeline, requests)
    seconds = now(pipeline.unet.device) - started
    return Painted((seconds,) * len(requests), tuple(images))


def submitted_apart(engine: Engine, requests: Sequence[GenerationRequest]) -> Painted:
    latencies, images = [], []
    started = time.perf_counter()
    jobs = [engine.submit(request) for request in requests]
    for job in jobs:
        images.append(image_of(job))
        latencies.append(time.perf_counter() - started)
    return Painted(tuple(latencies), tuple(images))
