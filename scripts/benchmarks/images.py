"""Images by the plain pipeline and by the engine, on the same weights."""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from statistics import fmean, linear_regression
from typing import TYPE_CHECKING, Any

from diffusers import StableDiffusionXLPipeline
from PIL import Image, ImageChops

from generator.engine import Engine
from generator.job import Job, Progress, Succeeded
from generator.request import GenerationRequest
from scripts.benchmarks.arguments import Plan
from scripts.benchmarks.comparison import Comparison, Figure, Target, in_own_thread, interleave
from scripts.benchmarks.loaded import Loaded
from scripts.benchmarks.machine import now
from scripts.benchmarks.painting import draw_requests, paint

if TYPE_CHECKING:  # it knows the web, which need not be installed to measure images
    from scripts.benchmarks.models import Subject

ONE_BY_ONE = "pipeline, one call per request"
ONE_CALL = "pipeline, one call with all prompts"
APART = "engine, submitted apart"

ALONE = "engine, the first alone"
WAITS = "pipeline, the late one waits"
JOINS = "engine, the late one joins"

PIPELINE = "pipeline alone"
ENGINE = "engine"

MAX_LATENCY_OF_ONE = 1.05
MIN_THROUGHPUT_OF_EIGHT = 0.9
MIN_GAIN_OF_EIGHT = 2.0


@dataclass(frozen=True, slots=True)
class Painted:
    """``latencies`` are seconds from each image's submission until its client has it."""

    latencies: tuple[float, ...]
    images: tuple[Image.Image, ...]


def at_once_and_late(subject: "Subject") -> Iterator[Comparison]:
    for count in subject.plan.requests:
        yield compare_at_once(count, at_once(subject.loaded, subject.plan, count))
    yield compare_late(late(subject))


def at_once(loaded: Loaded, plan: Plan, count: int) -> dict[str, list[Painted]]:
    pipeline, requests = loaded.sdxl.pipeline, draw_requests(loaded.sdxl.info, plan, count)
    apart = [[request] for request in requests]
    ways: dict[str, Callable[[], Painted]] = {
        ONE_BY_ONE: lambda: in_own_thread(lambda: by_pipeline(pipeline, apart)),
        ONE_CALL: lambda: in_own_thread(lambda: by_pipeline(pipeline, [requests])),
        APART: lambda: by_engine(loaded, requests),
    }
    return interleave(ways, plan.repeat, plan.warms_up)


def compare_at_once(count: int, painted: Mapping[str, Sequence[Painted]]) -> Comparison:
    mean = Figure.of("mean latency, s", painted, lambda each: fmean(each.latencies))
    worst = Figure.of("worst latency, s", painted, lambda each: max(each.latencies))
    rate = Figure.of("images/s", painted, lambda each: count / max(each.latencies))
    return Comparison(
        f"Requests at once: {count}",
        [mean, worst, rate],
        agreement(largest_difference(painted, ONE_BY_ONE)),
        targets_at_once(count, mean, rate),
        {"latencies, s": {way: [each.latencies for each in all_] for way, all_ in painted.items()}},
    )


def targets_at_once(count: int, latency: Figure, rate: Figure) -> list[Target]:
    if count == 1:
        taken = latency.spreads(ONE_BY_ONE)["ratio"]
        what = "one request: engine / pipeline, latency"
        return [Target(what, taken, "at most", MAX_LATENCY_OF_ONE)]
    if count == 8:
        beside, gained = (rate.spreads(way)["ratio"] for way in (ONE_CALL, ONE_BY_ONE))
        what = "eight at once: engine / {}, images/s"
        return [
            Target(what.format("one pipeline call"), beside, "at least", MIN_THROUGHPUT_OF_EIGHT),
            Target(what.format("eight pipeline calls"), gained, "over", MIN_GAIN_OF_EIGHT),
        ]
    return []


def late(subject: "Subject") -> dict[str, list[Painted]]:
    """A request that comes when another one is half done: it joins it, or waits for its end."""
    loaded, plan = subject.loaded, subject.plan
    first, second = draw_requests(loaded.sdxl.info, plan, 2)

    def joining() -> Painted:
        with loaded.painting() as engine:
            return joins(engine, first, second)

    ways: dict[str, Callable[[], Painted]] = {
        ALONE: lambda: by_engine(loaded, [first]),
        WAITS: lambda: in_own_thread(lambda: waits(loaded.sdxl.pipeline, first, second)),
        JOINS: joining,
    }
    return interleave(ways, plan.repeat, plan.warms_up)


def compare_late(painted: Mapping[str, Sequence[Painted]]) -> Comparison:
    of_two = {way: painted[way] for way in (WAITS, JOINS)}
    figures = [
        Figure.of("latency of the first, s", painted, lambda each: each.latencies[0]),
        Figure.of("latency of the late one, s", of_two, lambda each: each.latencies[1]),
    ]
    note = agreement(largest_difference(painted, WAITS))
    return Comparison("A late request that joins a running one", figures, note)


def by_steps(subject: "Subject") -> Iterator[Comparison]:
    """One image of more and more steps, from which follows what one step takes."""
    loaded, plan = subject.loaded, subject.plan
    (request,) = draw_requests(loaded.sdxl.info, plan, 1)
    ways: dict[str, Callable[[GenerationRequest], Painted]] = {
        PIPELINE: lambda asked: in_own_thread(lambda: by_pipeline(loaded.sdxl.pipeline, [[asked]])),
        ENGINE: lambda asked: by_engine(loaded, [asked]),
    }
    calls = {
        (way, count): partial(call, replace(request, num_inference_steps=count))
        for count in plan.step_counts
        for way, call in ways.items()
    }
    painted = interleave(calls, plan.repeat, plan.warms_up)
    by_count = [{way: painted[way, count] for way in ways} for count in plan.step_counts]
    figures = [
        Figure.of(f"{count} steps, s", each, lambda one: one.latencies[0])
        for count, each in zip(plan.step_counts, by_count, strict=True)
    ]
    figures.append(slope(plan.step_counts, figures))
    note = agreement(max(largest_difference(each, PIPELINE) for each in by_count))
    yield Comparison("One image by steps", figures, note)


def slope(step_counts: Sequence[int], figures: Sequence[Figure]) -> Figure:
    """Seconds for one step, by least squares within each repetition.

    So what an image takes besides its steps is not counted. There is one figure for each count.
    """
    seconds = {
        way: [
            linear_regression(step_counts, each).slope
            for each in zip(*(figure.values[way] for figure in figures), strict=True)
        ]
        for way in figures[0].values
    }
    return Figure("one step (slope), s", seconds)


def by_pipeline(
    pipeline: StableDiffusionXLPipeline, calls: Sequence[Sequence[GenerationRequest]]
) -> Painted:
    """One call of the pipeline after the other; all requests were submitted at the beginning."""
    latencies, images = [], []
    started = now(pipeline.unet.device)
    for requests in calls:
        images += paint(pipeline, requests)
        latencies += [now(pipeline.unet.device) - started] * len(requests)
    return Painted(tuple(latencies), tuple(images))


def waits(
    pipeline: StableDiffusionXLPipeline, first: GenerationRequest, late: GenerationRequest
) -> Painted:
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
    return Painted((first_seconds, now(device) - half_done[0]), tuple(images))


def by_engine(loaded: Loaded, requests: Sequence[GenerationRequest]) -> Painted:
    with loaded.painting() as engine:
        return submitted_apart(engine, requests)


def submitted_apart(engine: Engine, requests: Sequence[GenerationRequest]) -> Painted:
    latencies, images = [], []
    started = time.perf_counter()
    jobs = [engine.submit(request) for request in requests]
    for job in jobs:
        images.append(image_of(job))
        latencies.append(time.perf_counter() - started)
    return Painted(tuple(latencies), tuple(images))


def joins(engine: Engine, first: GenerationRequest, late: GenerationRequest) -> Painted:
    started = time.perf_counter()
    job = engine.submit(first)
    for event in job.follow():
        if isinstance(event, Progress) and 2 * event.step >= event.num_steps:
            break
    half_done = time.perf_counter()
    late_job = engine.submit(late)
    image = image_of(job)
    first_seconds = time.perf_counter() - started
    late_image = image_of(late_job)
    return Painted((first_seconds, time.perf_counter() - half_done), (image, late_image))


def image_of(job: Job) -> Image.Image:
    """Blocks until the image is there."""
    outcome = job.wait()
    if not isinstance(outcome, Succeeded):
        raise RuntimeError(f"a job of the benchmark ended with {outcome}")
    return outcome.image


def agreement(difference: int) -> str:
    return f"The images of the ways differ by at most {difference} of 255."


def largest_difference(painted: Mapping[str, Sequence[Painted]], expected: str) -> int:
    """The largest difference of a pixel from the first images of the way ``expected``."""
    images = painted[expected][0].images
    return max(
        pixel_difference(each.images, images[: len(each.images)])
        for all_ in painted.values()
        for each in all_
    )


def pixel_difference(images: Iterable[Image.Image], others: Iterable[Image.Image]) -> int:
    """The largest difference between two images in the same place, of 255."""
    differences = (
        ImageChops.difference(image, other) for image, other in zip(images, others, strict=True)
    )
    return max(max(each.tobytes()) for each in differences)
