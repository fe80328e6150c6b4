"""Judges that say what an image shows, and whether it shows what was asked for."""

from collections.abc import Sequence
from dataclasses import replace
from random import Random
from typing import Protocol

from PIL import Image

from captioner.blip import Blip
from captioner.request import Caption, CaptionRequest
from scripts.demo_models.pixel_judge import PixelJudge
from scripts.demo_models.scenes import (
    ABOVE,
    COLOURS,
    FLYING,
    LEFT_OF,
    SETTINGS,
    STANDING,
    Scene,
    Thing,
    parse_caption,
)

BATCH = 8


class Judge(Protocol):
    """Reads images as scenes; None is an image that shows no scene at all."""

    @property
    def name(self) -> str: ...

    def read(self, images: Sequence[Image.Image]) -> list[Scene | None]: ...


class ByCaptioner:
    """Reads the demo captioner's captions as scenes."""

    name = "captioner"

    def __init__(self, blip: Blip) -> None:
        self.blip = blip

    def read(self, images: Sequence[Image.Image]) -> list[Scene | None]:
        return [_scene_or_none(caption) for caption in caption_all(self.blip, images)]


class ByPixels:
    """Reads the geometry and colour of the pixels: no weights, no training."""

    name = "pixel judge"

    def __init__(self) -> None:
        self.judge = PixelJudge()

    def read(self, images: Sequence[Image.Image]) -> list[Scene | None]:
        return [self.judge.judge(image) for image in images]


def caption_all(blip: Blip, images: Sequence[Image.Image]) -> list[Caption]:
    requests = [CaptionRequest(image) for image in images]
    batches = [requests[start : start + BATCH] for start in range(0, len(requests), BATCH)]
    return [caption for batch in batches for caption in blip.caption_batch(batch)]


def _scene_or_none(caption: str) -> Scene | None:
    try:
        return parse_caption(caption)
    except ValueError:
        return None


def is_shown(asked: Scene, seen: Scene | None) -> bool:
    """True if the things, their colours, their places and the setting are those asked for."""
    return seen is not None and _essentials(asked) == _essentials(seen)


def _essentials(scene: Scene) -> tuple[object, ...]:
    things = tuple((thing.colour, thing.kind) for thing in scene.things)
    return things, scene.places, scene.setting


def mismatched(scene: Scene, rng: Random) -> Scene:
    """The scene with one random detail changed, of those that ``is_shown`` compares."""
    changes = [_other_colour, _other_kind, _other_setting]
    changes += [_fewer_things] if len(scene.things) > 1 else [_more_things]
    if scene.places and scene.things[0] != scene.things[-1] and ABOVE not in scene.places:
        changes.append(_other_order)
    return rng.choice(changes)(scene, rng)


def _other_colour(scene: Scene, rng: Random) -> Scene:
    place = rng.randrange(len(scene.things))
    colour = _other(COLOURS, scene.things[place].colour, rng)
    return _with_thing(scene, place, replace(scene.things[place], colour=colour))


def _other_kind(scene: Scene, rng: Random) -> Scene:
    place = rng.randrange(len(scene.things))
    thing = scene.things[place]
    kinds = FLYING if thing.kind in FLYING else STANDING
    return _with_thing(scene, place, replace(thing, kind=_other(kinds, thing.kind, rng)))


def _other_setting(scene: Scene, rng: Random) -> Scene:
    return replace(scene, setting=_other(SETTINGS, scene.setting, rng), weather="")


def _fewer_things(scene: Scene, rng: Random) -> Scene:
    return replace(scene, things=scene.things[:-1], places=scene.places[:-1])


def _more_things(scene: Scene, rng: Random) -> Scene:
    more = Thing(rng.choice(COLOURS), rng.choice(STANDING))
    return replace(scene, things=(*scene.things, more), places=(LEFT_OF,))


def _other_order(scene: Scene, rng: Random) -> Scene:
    return replace(scene, things=scene.things[::-1])


def _with_thing(scene: Scene, place: int, thing: Thing) -> Scene:
    return replace(scene, things=(*scene.things[:place], thing, *scene.things[place + 1 :]))


def _other(words: Sequence[str], word: str, rng: Random) -> str:
    return rng.choice([other for other in words if other != word])
