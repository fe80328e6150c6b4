"""Reads pictures of scenes by the geometry and colours of their pixels.

The second judge of generated pictures: no weights, nothing learnt, nothing in common with the
captioner. The setting is the one whose usual pixels explain most of the picture; things are then
taken one by one, each the one that explains most of what is left.
"""

from math import log

import numpy as np
import torch
from PIL import Image

from scripts.demo_models.backdrops import Backdrop, Backdrops
from scripts.demo_models.matching import Fitter, Matcher, Pose, Sighting
from scripts.demo_models.scenes import ABOVE, FLYING, LEFT_OF, Scene, Thing

SIDE = 60  # of the grid on which pictures are read
MOST_THINGS = 3
LEAST_WORTH = 0.014
LEAST_LIKENESS = 0.38
COLUMN = 0.15  # in the picture's side: things with nearer middles are above each other
USUAL_SPANS = {1: 0.53, 2: 0.40}  # by the number of columns
SMALL, BIG = -0.3, 0.19  # logarithms of spans' ratios to the usual one, from which words begin

Column = list[Pose]


class PixelJudge:
    """Draws all things in all colours when it is made, which takes seconds."""

    def __init__(self) -> None:
        self.backdrops = Backdrops(SIDE)
        self.matcher = Matcher(SIDE)

    @torch.inference_mode()
    def judge(self, image: Image.Image) -> Scene | None:
        """The scene that a square picture shows; None if no scene can be told."""
        pixels = _pixels(image)
        backdrop = self.backdrops.behind(pixels, torch.ones(SIDE, SIDE))
        sightings = self._sightings(pixels, backdrop)
        again = self.backdrops.behind(pixels, _bare(sightings))
        if _names(again) != _names(backdrop):  # things had looked like another setting
            backdrop, sightings = again, self._sightings(pixels, again)
        return _scene([sighting.pose for sighting in sightings], backdrop)

    def _sightings(self, pixels: torch.Tensor, backdrop: Backdrop) -> list[Sighting]:
        pixels = backdrop.exposed(pixels)
        fitter, agreement = Fitter(pixels, backdrop), self.matcher.agreement(pixels)
        errors = backdrop.errors(pixels)
        sightings: list[Sighting] = []
        while len(sightings) < MOST_THINGS:
            poses = self.matcher.candidates(agreement, pixels, errors)
            likely = filter(_is_likely, (fitter.fit(pose, errors) for pose in poses))
            best = max(likely, key=lambda sighting: sighting.worth, default=None)
            if best is None:
                break
            sightings.append(best)
            errors = errors * ~best.covered
        return sightings


def _pixels(image: Image.Image) -> torch.Tensor:
    """Pixels (3, y, x) on the grid, from 0 to 255."""
    small = image.convert("RGB").resize((SIDE, SIDE), Image.Resampling.BOX)
    return torch.tensor(np.asarray(small, np.float32)).permute(2, 0, 1)


def _names(backdrop: Backdrop) -> tuple[str, str]:
    return backdrop.setting, backdrop.weather


def _bare(sightings: list[Sighting]) -> torch.Tensor:
    """A mask (y, x): 1 for the bare backdrop, 0 for hidden pixels."""
    bare = torch.ones(SIDE, SIDE)
    for sighting in sightings:
        bare = bare * ~sighting.covered
    return bare


def _is_likely(sighting: Sighting) -> bool:
    is_worth_it = sighting.worth > LEAST_WORTH and sighting.likeness > LEAST_LIKENESS
    return is_worth_it and sighting.pose.is_possible


def _scene(poses: list[Pose], backdrop: Backdrop) -> Scene | None:
    columns = _columns(poses)
    if not columns:
        return None
    sizes = _sizes(columns)
    things = [Thing(pose.colour, pose.look.kind, sizes.get(pose, "")) for pose in sum(columns, [])]
    places = [ABOVE if under else LEFT_OF for column in columns for under in range(len(column))]
    try:
        return Scene(tuple(things), backdrop.setting, tuple(places[1:]), backdrop.weather)
    except ValueError:
        return None


def _columns(poses: list[Pose]) -> list[Column]:
    """The columns from left to right, each from above to below."""
    columns: list[Column] = []
    for pose in sorted(poses, key=lambda pose: pose.x):
        if columns and _is_above_or_below(pose, columns[-1]):
            columns[-1].append(pose)
        else:
            columns.append([pose])
    return [sorted(column, key=lambda pose: pose.y) for column in columns]


def _is_above_or_below(pose: Pose, column: Column) -> bool:
    other = column[-1]
    differ = (pose.look.kind in FLYING) != (other.look.kind in FLYING)
    return len(column) == 1 and differ and pose.x - other.x < COLUMN


def _sizes(columns: list[Column]) -> dict[Pose, str]:
    """The word "small" or "big" for the one thing of that size; empty if sizes have no words."""
    usual = USUAL_SPANS.get(len(columns))
    if usual is None or any(len(column) > 1 for column in columns):
        return {}
    stretches = {pose: log(pose.span / usual) for [pose] in columns}
    pose = max(stretches, key=lambda pose: abs(stretches[pose]))
    if stretches[pose] > BIG:
        return {pose: "big"}
    return {pose: "small"} if stretches[pose] < SMALL else {}
