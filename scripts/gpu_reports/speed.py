"""The seconds of images: first forwards, from request to PNG, saturated, and beside diffusers."""

import time
from collections.abc import Iterator
from dataclasses import replace

import generator.engine
from generator.png import png_bytes
from generator.request import GenerationRequest
from generator.sdxl import SDXL
from scripts.benchmarks.arguments import Plan
from scripts.benchmarks.images import at_once, compare_at_once, image_of, submitted_apart
from scripts.benchmarks.loaded import Loaded
from scripts.benchmarks.machine import now
from scripts.benchmarks.painting import draw_requests
from scripts.gpu_reports import waits
from scripts.gpu_reports.finding import Finding, findings_of
from scripts.gpu_reports.loading import load_warm
from scripts.gpu_reports.subject import Subject

BATCHES = 4  # of as many images as share a forward, all asked for at once


def measure(subject: Subject) -> Iterator[Finding]:
    started = time.perf_counter()
    loaded, plan = load_warm(subject), subject.plan
    yield Finding("both models are warm after", time.perf_counter() - started, "s")
    yield Finding("all weights stay on the device", loaded.is_resident)
    yield Finding("images that share a forward at most", loaded.max_batch_size)
    yield from first_forwards(loaded.sdxl, loaded.max_batch_size)
    yield from waits.of_generator(loaded.sdxl)
    yield from to_png(loaded, plan)
    yield from saturated(loaded, plan)
    if not loaded.is_resident:
        yield Finding("beside diffusers", "left out: a plain call cannot use offloaded weights")
        return
    for count in plan.requests:
        compared = compare_at_once(count, at_once(loaded, plan, count))
        yield from findings_of(compared, ("mean latency, s", "images/s"))


def first_forwards(sdxl: SDXL, most: int) -> Iterator[Finding]:
    """The first and the second step of each number of images, after a warm-up with one."""
    for count in range(1, most + 1):
        requests = [sdxl.info.request("a house", seed=seed) for seed in range(count)]
        samples = sdxl.prepare(requests)
        for which in ("first", "second"):
            started = now(sdxl.device)
            sdxl.denoise(samples)
            milliseconds = 1000 * (now(sdxl.device) - started)
            yield Finding(f"{which} step of {2 * count} rows", milliseconds, "ms")


def to_png(loaded: Loaded, plan: Plan) -> Iterator[Finding]:
    """One image with guidance, from its request to the bytes that a client gets."""
    [request] = draw_requests(loaded.sdxl.info, plan, 1)
    with loaded.painting() as engine:
        for count in plan.step_counts:
            asked = replace(request, num_inference_steps=count)
            seconds = [seconds_to_png(engine, asked) for _ in range(plan.repeat)]
            yield Finding(f"{count} steps, request to PNG", seconds, "s")


def seconds_to_png(engine: generator.engine.Engine, request: GenerationRequest) -> float:
    started = time.perf_counter()
    image = image_of(engine.submit(request))
    png_bytes(image, request, model=engine.info.name, sampler=engine.info.sampler)
    return time.perf_counter() - started


def saturated(loaded: Loaded, plan: Plan) -> Iterator[Finding]:
    requests = draw_requests(loaded.sdxl.info, plan, BATCHES * loaded.max_batch_size)
    with loaded.painting() as engine:
        seconds = max(submitted_apart(engine, requests).latencies)
    yield Finding(f"{plan.steps} steps, saturated", len(requests) / seconds, "images/s")
