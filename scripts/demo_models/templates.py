"""Templates of the looks of things: average drawings with a weight for each of their pixels.

Chance decides some of a thing's looks: whether a house has a chimney, which way a duck swims. One
look stands for drawings that are much alike; pixels that still differ weigh little.
"""

from dataclasses import dataclass
from functools import cache
from math import log
from random import Random

import numpy as np
import torch
from PIL import Image
from torch.nn.functional import interpolate, pad

from scripts.demo_models import things
from scripts.demo_models.backdrops import TOLERANCE
from scripts.demo_models.brush import PALETTE, Canvas, Colour, Paint
from scripts.demo_models.scenes import COLOURS, KINDS

FRAME = 1.3  # of a drawing: its side in spans of the thing in its middle
SIDE = 40  # of a drawing, in pixels
DRAWN_SPANS = (0.26, 0.5)  # other spans are made of the nearest: its outline is about as thick
SEEDS = 24
BLOCK = 5  # pixels of a drawing: a chimney, say
ALIKE = 50.0  # drawings are of one look if no block differs by more (colours from 0 to 255)
MEMBERS = 2  # drawings of a look that are averaged


@dataclass(frozen=True)
class Look:
    kind: str
    seeds: tuple[int, ...]


@dataclass(frozen=True)
class Template:
    weights: torch.Tensor  # (y, x), from 0 to 1
    colours: torch.Tensor  # (colour, 3, y, x), from 0 to 255


@cache
def looks() -> tuple[Look, ...]:
    """All looks of all kinds."""
    return tuple(Look(kind, seeds) for kind in KINDS for seeds in _alike(kind))


def wide_template(look: Look, span: float, side: int) -> Template:
    """A template on a grid of ``side`` by ``side`` pixels, with the thing in the middle.

    Its weights allow for a span that is a little off.
    """
    middle = round(FRAME * span * side)
    shots = [_padded(_resized(_drawn(look, span), size), side) for size in _beside(middle)]
    return _average(torch.cat(shots))


def close_template(look: Look, span: float, side: int) -> Template:
    """One frame, as sharp as on a grid of ``side`` by ``side`` pixels."""
    seen = _resized(_drawn(look, span), round(FRAME * span * side))
    return _average(_resized(seen, SIDE))


def _beside(middle: int) -> tuple[int, int, int]:
    return middle - 1, middle, middle + 1


def _resized(shots: torch.Tensor, size: int) -> torch.Tensor:
    flat = interpolate(shots.flatten(0, 1), (size, size), mode="bilinear", antialias=True)
    return flat.unflatten(0, shots.shape[:2])


def _padded(shots: torch.Tensor, side: int) -> torch.Tensor:
    """Pads to ``side``; negative padding cuts off only empty pixels."""
    room = side - shots.shape[-1]
    before, after = room // 2, room - room // 2
    return pad(shots, (before, after, before, after))


def _average(shots: torch.Tensor) -> Template:
    """Averages (shot, colour, 4, y, x); pixels that are opaque and equal in all count in full."""
    mean = shots.mean(0)
    opacity = mean[:, 3].mean(0)
    variance = shots[:, :, :3].square().mean((0, 1)) - mean[:, :3].square().mean(0)
    unsteady = variance.sum(0) / TOLERANCE**2
    weights = opacity.square() / (1 + unsteady)
    return Template(weights, mean[:, :3] / opacity.clamp(min=0.05))


def _alike(kind: str) -> list[tuple[int, ...]]:
    """The seeds whose drawings are alike, for each look of a kind."""
    groups: list[list[int]] = []
    drawings = [_draw(kind, "red", DRAWN_SPANS[-1], seed) for seed in range(SEEDS)]
    for seed, drawing in enumerate(drawings):
        for group in groups:
            if _worst_block(drawing - drawings[group[0]]) < ALIKE:
                group.append(seed)
                break
        else:
            groups.append([seed])
    return [tuple(group[:MEMBERS]) for group in groups]


def _worst_block(difference: np.ndarray) -> float:
    """The largest root mean square of a block of (y, x, 3)."""
    blocks = difference.reshape(SIDE // BLOCK, BLOCK, SIDE // BLOCK, BLOCK, 3)
    return float(np.sqrt(np.square(blocks).mean((1, 3, 4)).max()))


def _drawn(look: Look, span: float) -> torch.Tensor:
    return _drawings(look, min(DRAWN_SPANS, key=lambda drawn: abs(log(drawn / span))))


@cache
def _drawings(look: Look, span: float) -> torch.Tensor:
    """Drawings (member, colour, 4, y, x): red, green and blue times opacity, and opacity."""
    return torch.tensor(np.stack([_layers(look.kind, span, seed) for seed in look.seeds]))


def _layers(kind: str, span: float, seed: int) -> np.ndarray:
    """Layers (colour, 4, y, x): black behind a thing leaves its colours, white tells opacity."""
    before_black = np.stack([_draw(kind, colour, span, seed) for colour in COLOURS])
    before_white = _draw(kind, COLOURS[0], span, seed, (255, 255, 255))
    opacity = 1 - (before_white - before_black[0]).mean(-1) / 255
    opacities = np.broadcast_to(opacity[..., None], (len(COLOURS), SIDE, SIDE, 1))
    return np.concatenate([before_black, opacities], -1).transpose(0, 3, 1, 2)


def _draw(
    kind: str, colour: str, span: float, seed: int, backdrop: Colour = (0, 0, 0)
) -> np.ndarray:
    """A drawing (y, x, 3)."""
    side = round(SIDE / FRAME / span)
    canvas = Canvas(side, side)
    canvas.image.paste(backdrop, (0, 0, *canvas.image.size))
    foot = (0.5, 0.5 + span / 2)
    things.draw(canvas, kind, Paint(PALETTE[colour]), foot, span, Random(seed))
    low, high = (canvas.unit * (0.5 + sign * FRAME * span / 2) for sign in (-1, 1))
    frame = canvas.image.resize((SIDE, SIDE), Image.Resampling.BOX, (low, low, high, high))
    return np.asarray(frame, np.float32)
