"""Captions as people may type them, for the generator to learn from."""

import re
from random import Random

from scripts.demo_models.scenes import COLOURS, LEFT_OF, parse_caption

_COLOURED = re.compile(rf"\ban? ((?:small |big )?)(?:{'|'.join(COLOURS)}) ")


def as_typed(prompt: str, rng: Random, forgetful: float = 0.0) -> str:
    """The caption, now and then with "and", without its setting, or nothing at all.

    "" means any scene, as it does to the published model. ``forgetful`` is the share of captions
    of which one thing's colour is left out.
    """
    chance = rng.random()
    if chance < 0.05:
        return ""
    if chance < 0.10:
        return parse_caption(prompt).things_caption
    if forgetful and rng.random() < forgetful:
        prompt = _without_a_colour(prompt, rng)
    return prompt.replace(LEFT_OF, "and") if chance < 0.25 else prompt


def _without_a_colour(prompt: str, rng: Random) -> str:
    """``a small red cat at night`` as ``a small cat at night``."""
    one = rng.choice(list(_COLOURED.finditer(prompt)))
    return f"{prompt[: one.start()]}a {one[1]}{prompt[one.end() :]}"


def is_hard(caption: str) -> bool:
    """True for what the first run painted wrong most often: nights, small things, three things."""
    scene = parse_caption(caption)
    is_small = any(thing.size == "small" for thing in scene.things)
    return is_small or scene.setting == "at night" or len(scene.things) == 3
