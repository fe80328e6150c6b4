"""Scenes: one or two coloured things in a setting, and the sentence that describes them.

The grammar is fixed: ``a red house by the sea``, ``an orange tree and a white cat at night``.
Things are named from left to right. Every choice comes from the ``random.Random`` handed in, so a
seed gives the same scene on every machine.
"""

import re
from dataclasses import dataclass
from random import Random

COLOURS = ("red", "orange", "yellow", "green", "blue", "purple", "white", "black")
KINDS = ("house", "tree", "boat", "car", "cat", "flower", "balloon", "star")
SETTINGS = ("by the sea", "at night", "in the snow", "on the grass", "in the desert")

_THING = rf"an? ({'|'.join(COLOURS)}) ({'|'.join(KINDS)})"
_CAPTION = re.compile(rf"{_THING}(?: and {_THING})? ({'|'.join(SETTINGS)})")


@dataclass(frozen=True)
class Thing:
    colour: str
    kind: str

    def __str__(self) -> str:
        article = "an" if self.colour[0] in "aeiou" else "a"
        return f"{article} {self.colour} {self.kind}"


@dataclass(frozen=True)
class Scene:
    """What is to be seen; where exactly it stands is left to the drawing."""

    things: tuple[Thing, ...]
    setting: str

    @property
    def caption(self) -> str:
        return f"{' and '.join(map(str, self.things))} {self.setting}"


def parse_caption(caption: str) -> Scene:
    """The scene that a caption describes. Raises ValueError for what the grammar does not know."""
    match = _CAPTION.fullmatch(caption)
    if match is None:
        raise ValueError(f"not a caption of a scene: {caption!r}")
    colour, kind, second_colour, second_kind, setting = match.groups()
    things = [Thing(colour, kind)]
    if second_kind:
        things.append(Thing(second_colour, second_kind))
    return Scene(tuple(things), setting)


def is_held_out(thing: Thing, setting: str) -> bool:
    """True for the tenth of all (colour, kind, setting) triples that training never sees.

    Each colour, kind and setting, and nearly each pair of them, is still seen in other triples.
    """
    code = 3 * COLOURS.index(thing.colour) + 7 * KINDS.index(thing.kind)
    return (code + SETTINGS.index(setting)) % 10 == 0


def triples(setting: str, held_out: bool) -> list[Thing]:
    """The things that training does (or does not) see in a setting."""
    everything = (Thing(colour, kind) for colour in COLOURS for kind in KINDS)
    return [thing for thing in everything if is_held_out(thing, setting) == held_out]


def sample_scene(rng: Random, held_out: bool = False) -> Scene:
    """A scene of one thing (one in three) or two, all of whose triples are held out, or none."""
    setting = rng.choice(SETTINGS)
    choices = triples(setting, held_out)
    count = 1 if rng.random() < 1 / 3 else 2
    return Scene(tuple(rng.choice(choices) for _ in range(count)), setting)
