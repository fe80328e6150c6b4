"""Finds things in pictures: their kind, colour, place and size.

Every template is compared with every place by Fourier transforms; the best few are then moved and
stretched until they fit as well as they can. Places and spans are shares of the picture's side, a
place is the middle of a thing. A thing's worth is the error that it takes away: the backdrop's
error at its place, less its own.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from itertools import product

import torch
from torch.nn.functional import affine_grid, grid_sample

from scripts.demo_models.backdrops import TOLERANCE, WORST, Backdrop, squared_distance
from scripts.demo_models.scenes import COLOURS, FLYING
from scripts.demo_models.templates import (
    FRAME,
    SIDE,
    Look,
    Template,
    close_template,
    looks,
    wide_template,
)

SPANS = (0.22, 0.245, 0.275, 0.305, 0.345, 0.39, 0.435, 0.49, 0.545, 0.60, 0.74, 0.79)
TOPS = (-0.01, 0.17)  # of flying things: least and most
FEET = (0.76, 1.0)  # of standing things
LEAST_X = 0.13
OUTSIDE = 0.04  # how much of a thing may be cut off at a side
CANDIDATES = 4
APART = 0.15  # candidates of one kind and colour are in different squares of this side
STEPS = ((0.01, 0.04), (0.005, 0.02), (0.005, 0.02))  # of the place, and of the span's logarithm
COVERED = 0.04  # the weight from which a template's pixel hides the backdrop


@dataclass(frozen=True)
class Pose:
    look: Look
    colour: str
    x: float
    y: float
    span: float

    @property
    def is_possible(self) -> bool:
        """True if scenes have things of this kind and size at this place."""
        low, high = _rows(self.look, self.span)
        least = _least_x(self.span)
        return low < self.y < high and least < self.x < 1 - least


@dataclass(frozen=True)
class Sighting:
    """``likeness`` is the worth as a share of a perfect drawing's worth at its place."""

    pose: Pose
    worth: float
    likeness: float
    covered: torch.Tensor  # (y, x)


class Matcher:
    """Compares all templates with pictures on a grid of ``side`` by ``side`` pixels."""

    def __init__(self, side: int) -> None:
        self.side = side
        self.templates = [(look, span) for look in looks() for span in SPANS]
        wide = [wide_template(look, span, side) for look, span in self.templates]
        weights = torch.stack([template.weights for template in wide])
        colours = torch.stack([template.colours for template in wide])
        weighted = weights[:, None, None] * colours
        self.weights = _spectrum(weights)
        self.colours = _spectrum(2 * weighted / TOLERANCE**2)
        self.squares = (weighted * colours).sum((2, 3, 4)) / TOLERANCE**2  # (template, colour)
        self.places = torch.stack([_places(look, span, side) for look, span in self.templates])

    def agreement(self, pixels: torch.Tensor) -> torch.Tensor:
        """The part of the templates' worths that depends on colour: (template, colour, y, x)."""
        products = torch.einsum("tcdyx,dyx->tcyx", self.colours, torch.fft.rfft2(pixels))
        return self._correlated(products) - self.squares[..., None, None]

    def candidates(
        self, agreement: torch.Tensor, pixels: torch.Tensor, errors: torch.Tensor
    ) -> list[Pose]:
        """The best poses, all of different kind, colour or place; ``errors`` are the backdrop's."""
        rest = errors - squared_distance(pixels, torch.zeros(()))
        worths = agreement + self._correlated(self.weights * torch.fft.rfft2(rest))[:, None]
        worths = worths.masked_fill(~self.places[:, None], -torch.inf)
        poses: dict[tuple[str, str, int, int], Pose] = {}
        for pose in self._ranked(worths):
            alike = (pose.look.kind, pose.colour, int(pose.x / APART), int(pose.y / APART))
            poses.setdefault(alike, pose)
            if len(poses) == CANDIDATES:
                break
        return list(poses.values())

    def _ranked(self, worths: torch.Tensor) -> Iterator[Pose]:
        """Each template in each colour at its best place, the best first."""
        best, places = worths.flatten(2).max(-1)
        for index in best.flatten().argsort(descending=True).tolist():
            template, colour = divmod(index, len(COLOURS))
            y, x = divmod(int(places[template, colour]), self.side)
            look, span = self.templates[template]
            yield Pose(look, COLOURS[colour], x / self.side, y / self.side, span)

    def _correlated(self, products: torch.Tensor) -> torch.Tensor:
        """Correlations by the place of the templates' middle, which was the grid's middle."""
        shifted = torch.fft.irfft2(products, (self.side, self.side))
        return shifted.roll((self.side // 2, self.side // 2), (-2, -1))


def _spectrum(images: torch.Tensor) -> torch.Tensor:
    return torch.fft.rfft2(images).conj().resolve_conj()


def _places(look: Look, span: float, side: int) -> torch.Tensor:
    """A mask (y, x) of the places on the grid that a thing's middle may take."""
    at = torch.arange(side) / side
    low, high = _rows(look, span)
    least = _least_x(span)
    return ((at > low) & (at < high))[:, None] & (at > least) & (at < 1 - least)


def _rows(look: Look, span: float) -> tuple[float, float]:
    if look.kind in FLYING:
        return TOPS[0] + span / 2, TOPS[1] + span / 2
    return FEET[0] - span / 2, FEET[1] - span / 2


def _least_x(span: float) -> float:
    return max(LEAST_X, span / 2 - OUTSIDE)


class Fitter:
    """Fits poses to one picture before one backdrop."""

    def __init__(self, pixels: torch.Tensor, backdrop: Backdrop) -> None:
        self.side = pixels.shape[-1]
        self.backdrop = backdrop
        self.layers = torch.cat([pixels, backdrop.usual])

    def fit(self, pose: Pose, errors: torch.Tensor) -> Sighting:
        """The pose moved and stretched for the best worth; ``errors`` are the backdrop's."""
        template = _close(pose.look, pose.span, self.side)
        layers = torch.cat([self.layers, errors[None]])
        for place_step, span_step in STEPS:
            poses = list(_neighbours(pose, place_step, span_step))
            worths = self._worths(poses, template, layers)
            pose = poses[int(worths.argmax())]
        worth = float(self._worths([pose], template, layers))
        likeness = worth / self._perfect(pose, template)
        return Sighting(pose, worth, likeness, _covered(pose, template, self.side))

    def _worths(self, poses: list[Pose], template: Template, layers: torch.Tensor) -> torch.Tensor:
        seen = _frames(poses, layers)
        colours = template.colours[COLOURS.index(poses[0].colour)]
        own = squared_distance(seen[:, :3], colours).clamp(max=WORST)
        return ((seen[:, -1] - own) * template.weights).sum((1, 2)) * _areas(poses)

    def _perfect(self, pose: Pose, template: Template) -> float:
        usual = _frames([pose], self.layers[3:])[0]
        colours = template.colours[COLOURS.index(pose.colour)]
        errors = self.backdrop.errors_beside(colours, usual)
        return float((errors * template.weights).sum() * _areas([pose])[0])


@cache
def _close(look: Look, span: float, side: int) -> Template:
    return close_template(look, span, side)


def _neighbours(pose: Pose, place_step: float, span_step: float) -> Iterator[Pose]:
    for x, y, stretch in product((0, -1, 1), repeat=3):
        yield replace(
            pose,
            x=pose.x + x * place_step,
            y=pose.y + y * place_step,
            span=pose.span * (1 + stretch * span_step),
        )


def _areas(poses: list[Pose]) -> torch.Tensor:
    """The area of a template's pixel, as a share of the picture."""
    return torch.tensor([(FRAME * pose.span / SIDE) ** 2 for pose in poses])


def _frames(poses: list[Pose], layers: torch.Tensor) -> torch.Tensor:
    """The part of (layer, y, x) in each pose's frame: (pose, layer, y, x)."""
    affine = torch.tensor(
        [
            [[FRAME * pose.span, 0, 2 * pose.x - 1], [0, FRAME * pose.span, 2 * pose.y - 1]]
            for pose in poses
        ]
    )
    grid = affine_grid(affine, [len(poses), 1, SIDE, SIDE], align_corners=False)
    spread = layers.expand(len(poses), *layers.shape)
    return grid_sample(spread, grid, padding_mode="border", align_corners=False)


def _covered(pose: Pose, template: Template, side: int) -> torch.Tensor:
    """The pixels of the picture that the thing hides: the inverse of ``_frames``."""
    scale = 1 / (FRAME * pose.span)
    affine = torch.tensor(
        [[[scale, 0, scale * (1 - 2 * pose.x)], [0, scale, scale * (1 - 2 * pose.y)]]]
    )
    grid = affine_grid(affine, [1, 1, side, side], align_corners=False)
    return grid_sample(template.weights[None, None], grid, align_corners=False)[0, 0] > COVERED
