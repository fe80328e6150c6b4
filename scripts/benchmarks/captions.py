"""Pictures to their words: a plain call of ``generate``, and the captioner's engine."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from random import Random
from typing import TYPE_CHECKING

from captioner.blip import Blip
from captioner.request import CaptionRequest
from scripts.benchmarks.comparison import Comparison, Figure, in_own_thread, interleave
from scripts.benchmarks.loaded import Loaded
from scripts.benchmarks.machine import now
from scripts.demo_models.drawing import draw_scene
from scripts.demo_models.scenes import sample_scene

if TYPE_CHECKING:  # it knows the web, which need not be installed to measure captions
    from scripts.benchmarks.models import Subject

PLAIN = "plain generate, one call"
APART = "engine, submitted apart"
PICTURE_SIZE = (512, 512)
AT_ONCE = 8


@dataclass(frozen=True, slots=True)
class Captioned:
    """``seconds`` are from the pictures to all of their captions."""

    seconds: float
    captions: tuple[str, ...]


def captions(subject: "Subject") -> Iterator[Comparison]:
    loaded, plan = subject.loaded, subject.plan
    ways: dict[str, Callable[[Sequence[CaptionRequest]], Captioned]] = {
        PLAIN: lambda asked: in_own_thread(lambda: plainly(loaded.blip, asked)),
        APART: lambda asked: by_engine(loaded, asked),
    }
    requests = draw_pictures(AT_ONCE)
    calls = {
        (way, count): partial(call, requests[:count])
        for count in (1, AT_ONCE)
        for way, call in ways.items()
    }
    captioned = interleave(calls, plan.repeat, plan.warms_up)
    one, all_ = ({way: captioned[way, count] for way in ways} for count in (1, AT_ONCE))
    figures = [
        Figure.of("one picture, s", one, lambda each: each.seconds),
        Figure.of(f"{AT_ONCE} at once, captions/s", all_, lambda each: AT_ONCE / each.seconds),
    ]
    words = len(one[PLAIN][0].captions[0].split())
    note = f"The first caption has {words} words. {agreement([one, all_])}"
    yield Comparison("Captions", figures, note)


def draw_pictures(count: int) -> list[CaptionRequest]:
    rng = Random("pictures")
    scenes = [sample_scene(rng) for _ in range(count)]
    return [CaptionRequest(draw_scene(scene, rng, PICTURE_SIZE)) for scene in scenes]


def plainly(blip: Blip, requests: Sequence[CaptionRequest]) -> Captioned:
    """Captions as transformers' documentation does, with the same model and processor."""
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


def by_engine(loaded: Loaded, requests: Sequence[CaptionRequest]) -> Captioned:
    with loaded.captioning() as engine:
        started = now(loaded.blip.device)
        futures = [engine.submit(request) for request in requests]
        captions = tuple(future.result() for future in futures)
        return Captioned(now(loaded.blip.device) - started, captions)


def agreement(groups: Sequence[Mapping[str, Sequence[Captioned]]]) -> str:
    """Tells if captions differ, which is no error: in half precision batches round differently.

    Each group has the captions of the same pictures.
    """
    pairs = [
        pair
        for group in groups
        for results in group.values()
        for each in results
        for pair in zip(each.captions, group[PLAIN][0].captions, strict=True)
    ]
    differing = sum(caption != expected for caption, expected in pairs)
    if not differing:
        return "Both gave the same words."
    return f"{differing} of {len(pairs)} captions differ: the rows compare unequal work."
