"""Pictures to their words: a call of ``generate``, and the captioner's engine."""

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from random import Random

from captioner.blip import Blip
from captioner.engine import Engine
from captioner.request import CaptionRequest
from scripts.benchmarks.clock import now
from scripts.benchmarks.comparison import Both, Comparison
from scripts.benchmarks.plan import Plan
from scripts.benchmarks.repetition import in_own_thread, interleave
from scripts.demo_models.drawing import draw_scene
from scripts.demo_models.scenes import sample_scene

PLAIN = "plain generate, one call"
ENGINE = "engine, submitted apart"
PICTURE_SIZE = 512
AT_ONCE = 8


@dataclass(frozen=True, slots=True)
class Captioned:
    """``seconds`` from the pictures to all of their words."""

    seconds: float
    captions: tuple[str, ...]


def measure(blip: Blip, plan: Plan) -> Comparison:
    requests = draw_pictures(AT_ONCE)
    ways: dict[str, Callable[[Sequence[CaptionRequest]], Captioned]] = {
        PLAIN: lambda asked: in_own_thread(lambda: plainly(blip, asked)),
        ENGINE: lambda asked: by_engine(blip, asked),
    }

    def variant(name: str, count: int) -> Callable[[], Captioned]:
        return lambda: ways[name](requests[:count])

    variants = {(name, count): variant(name, count) for count in (1, AT_ONCE) for name in ways}
    captioned = interleave(variants, plan.repeat, plan.warms_up)
    words = sum(len(caption.split()) for caption in captioned[PLAIN, 1][0].captions)
    return Comparison(
        "Captions",
        PLAIN,
        ENGINE,
        rows(captioned),
        f"The first caption has {words} words. {agreement(captioned)}",
    )


def draw_pictures(count: int) -> list[CaptionRequest]:
    rng = Random("pictures")
    scenes = [sample_scene(rng) for _ in range(count)]
    return [CaptionRequest(draw_scene(scene, rng, PICTURE_SIZE)) for scene in scenes]


def plainly(blip: Blip, requests: Sequence[CaptionRequest]) -> Captioned:
    """As transformers' documentation has it, with the same model and processor."""
    started = now(blip.device)
    inputs = blip.processor(images=[request.image for request in requests], return_tensors="pt")
    tokens = blip.model.generate(
        **inputs.to(blip.device, blip.model.dtype),
        max_new_tokens=requests[0].max_new_tokens,
        num_beams=requests[0].num_beams,
        do_sample=False,
    )
    captions = blip.processor.batch_decode(tokens, skip_special_tokens=True)
    seconds = now(blip.device) - started
    return Captioned(seconds, tuple(caption.strip() for caption in captions))


def by_engine(blip: Blip, requests: Sequence[CaptionRequest]) -> Captioned:
    with running(blip) as engine:
        started = now(blip.device)
        futures = [engine.submit(request) for request in requests]
        captions = tuple(future.result() for future in futures)
        return Captioned(now(blip.device) - started, captions)


@contextlib.contextmanager
def running(blip: Blip) -> Iterator[Engine]:
    engine = Engine(blip)
    engine.start()
    try:
        yield engine
    finally:
        engine.close()


def rows(captioned: Mapping[tuple[str, int], Sequence[Captioned]]) -> list[Both]:
    one, all_ = (
        [[each.seconds for each in captioned[name, count]] for name in (PLAIN, ENGINE)]
        for count in (1, AT_ONCE)
    )
    rates = [[AT_ONCE / seconds for seconds in each] for each in all_]
    return [Both("one picture, s", *one), Both(f"{AT_ONCE} at once, captions/s", *rates)]


def agreement(captioned: Mapping[tuple[str, int], Sequence[Captioned]]) -> str:
    """Batches of other sizes may round otherwise in half precision: that is told, not raised."""
    pairs = [
        pair
        for (_, count), results in captioned.items()
        for each in results
        for pair in zip(each.captions, captioned[PLAIN, count][0].captions, strict=True)
    ]
    differing = sum(caption != expected for caption, expected in pairs)
    if not differing:
        return "Both gave the same words."
    return f"{differing} of {len(pairs)} captions differ: the rows compare unequal work."
