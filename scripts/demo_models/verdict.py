"""Counts how much of what was asked for was seen."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from random import Random

from PIL import Image

from captioner.blip import Blip
from scripts.demo_models.judges import caption_all, is_shown, mismatched
from scripts.demo_models.scenes import SETTINGS, Scene


def _is_set(setting: str, scene: Scene) -> bool:
    return scene.setting == setting


def _has_size(size: str, scene: Scene) -> bool:
    return any(thing.size == size for thing in scene.things)


def _has_things(count: int, scene: Scene) -> bool:
    return len(scene.things) == count


# What a table shows beside the whole.
PARTS: dict[str, Callable[[Scene], bool]] = {
    **{setting: partial(_is_set, setting) for setting in SETTINGS},
    **{f"with a {size} thing": partial(_has_size, size) for size in ("small", "big")},
    **{f"things: {count}": partial(_has_things, count) for count in (1, 2, 3)},
}


@dataclass(frozen=True)
class Verdict:
    """``wrong`` holds what was asked for and what was seen, if they differ."""

    total: int
    wrong: tuple[tuple[str, str], ...]

    @property
    def share_right(self) -> float:
        return 1 - len(self.wrong) / self.total

    def __str__(self) -> str:
        return (
            f"{self.total - len(self.wrong)} of {self.total} right ({100 * self.share_right:.1f} %)"
        )


def same_words(asked: Sequence[str], seen: Sequence[str]) -> Verdict:
    """Compares captions word for word."""
    pairs = list(zip(asked, seen, strict=True))
    return Verdict(len(pairs), tuple(pair for pair in pairs if pair[0] != pair[1]))


def shown(asked: Sequence[Scene], seen: Sequence[Scene | None]) -> Verdict:
    """Counts the images that showed the things, colours, places and setting of their scenes."""
    pairs = list(zip(asked, seen, strict=True))
    wrong = [(one.caption, _words(other)) for one, other in pairs if not is_shown(one, other)]
    return Verdict(len(pairs), tuple(wrong))


def refused(scenes: Sequence[Scene], seen: Sequence[Scene | None]) -> Verdict:
    """Counts the scenes, each with one word changed, that a judge who saw ``seen`` refuses."""
    rng = Random("mismatched")
    pairs = list(zip((mismatched(scene, rng) for scene in scenes), seen, strict=True))
    wrong = [(lie.caption, _words(other)) for lie, other in pairs if is_shown(lie, other)]
    return Verdict(len(pairs), tuple(wrong))


def told_apart(blip: Blip, images: Sequence[Image.Image], are_scenes: bool) -> Verdict:
    """Counts the images of which the captioner says rightly whether it knows such."""
    captions = caption_all(blip, images)
    wrong = [
        (f"image {index}", each)
        for index, each in enumerate(captions)
        if each.is_familiar != are_scenes
    ]
    return Verdict(len(captions), tuple(wrong))


def table(asked: Sequence[Scene], seen: Sequence[Scene | None]) -> Iterator[tuple[str, Verdict]]:
    """What ``shown`` says, in parts: by setting, by the size of things and by their number."""
    pairs = list(zip(asked, seen, strict=True))
    for name, is_of in PARTS.items():
        if part := [pair for pair in pairs if is_of(pair[0])]:
            yield name, shown(*zip(*part, strict=True))


def _words(seen: Scene | None) -> str:
    return seen.caption if seen else "no scene"
