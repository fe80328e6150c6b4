"""Scenes: one to three coloured things in a setting, and the sentence that describes them.

The grammar is fixed::

    caption = thing (place thing)* setting weather?
    thing   = article size? colour kind

``a red house by the sea``, ``a yellow star above a small white cat at night``, ``an orange tree
left of a blue car on the grass in the rain``. Things are named from left to right, and a thing that
flies above another before that other. ``and`` is read as ``left of``, as in the first version's
grammar. Every choice comes from the ``random.Random`` handed in, so a seed gives the same scene on
every machine.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

COLOURS = ("red", "orange", "yellow", "green", "blue", "purple", "white", "black")
FLYING = ("balloon", "star", "kite", "butterfly")
STANDING = ("house", "tree", "boat", "car", "cat", "flower", "mushroom", "duck")
KINDS = (*STANDING, *FLYING)
SIZES = ("", "small", "big")
LEFT_OF = "left of"
ABOVE = "above"
SETTINGS = (
    "by the sea",
    "at night",
    "in the snow",
    "on the grass",
    "in the desert",
    "in the mountains",
    "in the city",
)
WEATHERS = ("", "at sunset", "in the rain", "under a rainbow")
FITTING_WEATHER = {
    "by the sea": WEATHERS,
    "at night": ("",),
    "in the snow": ("",),
    "on the grass": WEATHERS,
    "in the desert": ("", "at sunset"),
    "in the mountains": WEATHERS,
    "in the city": ("", "at sunset", "in the rain"),
}

_THING = rf"an? (?:({'|'.join(SIZES[1:])}) )?({'|'.join(COLOURS)}) ({'|'.join(KINDS)})"
_PLACE = rf"({LEFT_OF}|{ABOVE}|and)"
_NEXT = rf"(?: {_PLACE} {_THING})?"
_CAPTION = re.compile(
    rf"{_THING}{_NEXT}{_NEXT} ({'|'.join(SETTINGS)})(?: ({'|'.join(WEATHERS[1:])}))?"
)


@dataclass(frozen=True)
class Thing:
    colour: str
    kind: str
    size: str = ""

    def __str__(self) -> str:
        described = f"{self.size} {self.colour} {self.kind}".lstrip()
        return f"{'an' if described[0] in 'aeiou' else 'a'} {described}"


@dataclass(frozen=True)
class Scene:
    """The things to be seen and their setting; the drawing chooses exact places.

    ``places`` holds LEFT_OF or ABOVE between each thing and the next. Raises ValueError if it
    cannot be drawn: more than three things, a size in a crowd, or a house in the air.
    """

    things: tuple[Thing, ...]
    setting: str
    places: tuple[str, ...] = ()
    weather: str = ""

    def __post_init__(self) -> None:
        if problem := self._problem():
            raise ValueError(f"no scene can show this: {problem}")

    def _problem(self) -> str | None:
        if not 1 <= len(self.things) <= 3 or len(self.places) != len(self.things) - 1:
            return "one to three things, and a place between each and the next"
        stacks = [
            (self.things[place], self.things[place + 1])
            for place, relation in enumerate(self.places)
            if relation == ABOVE
        ]
        if any(upper.kind not in FLYING for upper, _ in stacks):
            return f"only {', '.join(FLYING)} fly above another thing"
        if any(lower.kind in FLYING for _, lower in stacks):
            return "what is below another thing stands on the ground"
        sized = [thing for thing in self.things if thing.size]
        if len(sized) > (0 if stacks or len(self.things) == 3 else 1):
            return "one thing is small or big where there are two side by side, none in a crowd"
        if self.weather not in FITTING_WEATHER[self.setting]:
            return "this weather is not for this setting"
        return None

    @property
    def caption(self) -> str:
        return f"{self.things_caption} {self.setting} {self.weather}".rstrip()

    @property
    def things_caption(self) -> str:
        """The caption without the setting and the weather."""
        following = zip(self.places, self.things[1:], strict=False)
        return " ".join([str(self.things[0]), *(f"{place} {thing}" for place, thing in following)])

    @property
    def columns(self) -> list[tuple[Thing, ...]]:
        """The things from left to right; those of one column from above to below."""
        columns: list[tuple[Thing, ...]] = [(self.things[0],)]
        for place, thing in zip(self.places, self.things[1:], strict=True):
            if place == ABOVE:
                columns[-1] = (*columns[-1], thing)
            else:
                columns.append((thing,))
        return columns


def parse_caption(caption: str) -> Scene:
    """The scene that a caption describes. Raises ValueError if the grammar does not know it."""
    match = _CAPTION.fullmatch(caption)
    if match is None:
        raise ValueError(f"not a caption of a scene: {caption!r}")
    *words, setting, weather = (word or "" for word in match.groups())
    size, colour, kind = words[:3]
    things, places = [Thing(colour, kind, size)], []
    for place, size, colour, kind in (words[3:7], words[7:11]):
        if place:
            places.append(LEFT_OF if place == "and" else place)
            things.append(Thing(colour, kind, size))
    return Scene(tuple(things), setting, tuple(places), weather)


def is_held_out(thing: Thing, setting: str) -> bool:
    """True for the tenth of all (colour, kind, setting) triples that training never sees.

    Each colour, kind and setting, and nearly each pair of them, is still seen in other triples.
    """
    code = 3 * COLOURS.index(thing.colour) + 7 * KINDS.index(thing.kind)
    return (code + SETTINGS.index(setting)) % 10 == 0


def triples(setting: str, held_out: bool, kinds: Sequence[str] = KINDS) -> list[Thing]:
    """The things of some kinds that training does (or does not) see in a setting."""
    everything = (Thing(colour, kind) for colour in COLOURS for kind in kinds)
    return [thing for thing in everything if is_held_out(thing, setting) == held_out]


def sample_scene(rng: Random, held_out: bool = False) -> Scene:
    """A scene with all of its triples held out, or none.

    Two in five show one thing, two in five two, one in five three.
    """
    setting = rng.choice(SETTINGS)
    places = _sample_places(rng)
    things = [rng.choice(triples(setting, held_out, kinds)) for kinds in _kinds_by_place(places)]
    if ABOVE not in places and len(things) < 3:
        sized = rng.randrange(len(things))
        things[sized] = Thing(things[sized].colour, things[sized].kind, _sample_size(rng))
    weather = rng.choice(("", *FITTING_WEATHER[setting]))
    return Scene(tuple(things), setting, places, weather)


def _sample_places(rng: Random) -> tuple[str, ...]:
    structure = rng.random()
    if structure < 0.4:
        return ()
    if structure < 0.8:
        return (rng.choice((LEFT_OF, LEFT_OF, ABOVE)),)
    return rng.choice(((LEFT_OF, LEFT_OF), (LEFT_OF, ABOVE), (ABOVE, LEFT_OF)))


def _kinds_by_place(places: tuple[str, ...]) -> list[Sequence[str]]:
    """The kinds that may come first, second and third."""
    kinds: list[Sequence[str]] = [KINDS] * (len(places) + 1)
    for place, relation in enumerate(places):
        if relation == ABOVE:
            kinds[place : place + 2] = [FLYING, STANDING]
    return kinds


def _sample_size(rng: Random) -> str:
    return rng.choice(("", *SIZES))
