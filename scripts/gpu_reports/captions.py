"""The milliseconds of captions: alone, beside transformers, eight at once and beside painting."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial

from captioner.blip import Blip
from captioner.request import CaptionRequest
from generator.job import Job, Progress
from scripts.benchmarks.arguments import Plan
from scripts.benchmarks.captions import APART, PLAIN, by_engine, draw_pictures, plainly
from scripts.benchmarks.comparison import in_own_thread, interleave
from scripts.benchmarks.loaded import Loaded
from scripts.gpu_reports.finding import Finding
from scripts.gpu_reports.loading import load_warm
from scripts.gpu_reports.subject import Subject

TOKENS = 20
AT_ONCE = 8
LONG = 100  # steps: a painting that lasts


def measure(subject: Subject) -> Iterator[Finding]:
    loaded, plan = load_warm(subject), subject.plan
    requests = [replace(each, max_new_tokens=TOKENS) for each in draw_pictures(AT_ONCE)]
    for verdict in loaded.blip.verdicts:
        yield Finding("tried", str(verdict))
    yield Finding("tokens of the caption", tokens_of(loaded.blip, requests[0]))
    yield from alone(loaded, plan, requests)
    yield from beside_painting(loaded, plan, requests[0])


def tokens_of(blip: Blip, request: CaptionRequest) -> int:
    """As many as transformers' own way calls the decoder for: a graph calls nothing."""
    calls: list[None] = []
    hook = blip.model.text_decoder.register_forward_hook(lambda *_: calls.append(None))
    static, blip.static_decoder = blip.static_decoder, None
    try:
        blip.caption_batch([request])
    finally:
        hook.remove()
        blip.static_decoder = static
    return len(calls)


def alone(loaded: Loaded, plan: Plan, requests: Sequence[CaptionRequest]) -> Iterator[Finding]:
    """One picture and all of them; a plain call only if all weights are on the device."""
    ways = {APART: lambda asked: by_engine(loaded, asked)}
    if loaded.is_resident:
        ways[PLAIN] = lambda asked: in_own_thread(lambda: plainly(loaded.blip, asked))
    for asked in (requests[:1], requests):
        calls = {way: partial(call, asked) for way, call in ways.items()}
        captioned = interleave(calls, 2 * plan.repeat, plan.warms_up)
        for way, all_ in captioned.items():
            milliseconds = [1000 * each.seconds for each in all_]
            yield Finding(f"{len(asked)} of {TOKENS} tokens: {way}", milliseconds, "ms")


def beside_painting(loaded: Loaded, plan: Plan, request: CaptionRequest) -> Iterator[Finding]:
    """Captions one after another while as many images as share a forward are painted."""
    with loaded.painting() as painter, loaded.captioning() as captioner:
        jobs = [
            painter.submit(loaded.sdxl.info.request("a house", seed=seed, num_inference_steps=LONG))
            for seed in range(loaded.max_batch_size)
        ]
        first = jobs[0]
        next(event for event in first.follow() if isinstance(event, Progress) and event.step)
        milliseconds, steps = [], []
        for _ in range(2 * plan.repeat):
            began, started = step_of(first), time.perf_counter()
            captioner.submit(request).result()
            milliseconds.append(1000 * (time.perf_counter() - started))
            steps.append(step_of(first) - began)
            if first.is_finished:
                break
        for job in jobs:
            job.cancel()
    yield Finding(f"1 of {TOKENS} tokens beside painting", milliseconds, "ms")
    yield Finding("painting's steps meanwhile", steps)


def step_of(job: Job) -> int:
    return job.progress.step if job.progress else 0
