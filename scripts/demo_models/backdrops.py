"""Models of settings without things, and the choice of the one behind a picture's things.

A model is of a setting in one weather with its horizon at one height. It holds each pixel's usual
colour, the median of several drawings, and the colours that may lie anywhere on it: clouds, stars,
streaks of rain, windows. Pixels are (3, y, x) from 0 to 255; an error is the squared distance
between two colours in units of ``TOLERANCE``, at most ``WORST``.
"""

from dataclasses import dataclass
from random import Random

import numpy as np
import torch

from scripts.demo_models.brush import Canvas
from scripts.demo_models.scenes import FITTING_WEATHER, SETTINGS
from scripts.demo_models.settings import draw_setting

TOLERANCE = 40.0
WORST = 6.0
HORIZONS = (0.53, 0.545, 0.56, 0.575, 0.59)
DRAWINGS = 7
FEATURE_ERROR = 2.0  # of a pixel in a colour that belongs elsewhere in its setting
FEATURE_SHARE = 0.003  # of all pixels that a feature's colour must cover
FEATURE_BIN = 20
MOST_GAIN = 0.12  # how much brighter or darker than drawn a channel may be


def squared_distance(pixels: torch.Tensor, others: torch.Tensor) -> torch.Tensor:
    """The distance over the channels, which are the third dimension from the end."""
    return (pixels - others).square().sum(-3) / TOLERANCE**2


@dataclass(frozen=True)
class Backdrop:
    setting: str
    weather: str
    usual: torch.Tensor  # (3, y, x)
    features: torch.Tensor  # (feature, 3, 1, 1)

    def errors(self, pixels: torch.Tensor) -> torch.Tensor:
        """The error of each pixel: (y, x)."""
        return self.errors_beside(pixels, self.usual)

    def errors_beside(self, pixels: torch.Tensor, usual: torch.Tensor) -> torch.Tensor:
        """The errors if ``usual`` are the usual colours: (..., y, x) of (..., 3, y, x)."""
        errors = squared_distance(pixels, usual).clamp(max=WORST)
        for feature in self.features:
            elsewhere = squared_distance(pixels, feature) + FEATURE_ERROR
            errors = torch.minimum(errors, elsewhere)
        return errors

    def exposed(self, pixels: torch.Tensor) -> torch.Tensor:
        """The pixels made as bright as the backdrop, by those that it explains."""
        known = self.usual * (squared_distance(pixels, self.usual) < 1)
        gain = (known * pixels).sum((1, 2)) / known.square().sum((1, 2)).clamp(min=1)
        gain = torch.where(gain > 0, gain, 1.0).clamp(1 - MOST_GAIN, 1 + MOST_GAIN)
        return pixels / gain[:, None, None]


class Backdrops:
    """All settings in all weathers, on a grid of ``side`` by ``side`` pixels."""

    def __init__(self, side: int) -> None:
        self.models = [
            model
            for setting in SETTINGS
            for weather in FITTING_WEATHER[setting]
            for model in _models(setting, weather, side)
        ]

    def behind(self, pixels: torch.Tensor, bare: torch.Tensor) -> Backdrop:
        """The model that explains most pixels without things: 1 in ``bare`` (y, x), else 0."""
        return min(self.models, key=lambda model: float((model.errors(pixels) * bare).sum()))


def _models(setting: str, weather: str, side: int) -> list[Backdrop]:
    """One model for each horizon."""
    drawings = np.stack([_draw(setting, weather, horizon, side) for horizon in HORIZONS])
    usual = np.median(drawings, 1)  # (horizon, 3, y, x)
    features = torch.tensor(_features(drawings, usual), dtype=torch.float32)[..., None, None]
    return [
        Backdrop(setting, weather, torch.tensor(one, dtype=torch.float32), features)
        for one in usual
    ]


def _draw(setting: str, weather: str, horizon: float, side: int) -> np.ndarray:
    """Several drawings (drawing, 3, y, x)."""
    drawings = []
    for seed in range(DRAWINGS):
        canvas = Canvas(side, side)
        draw_setting(canvas, setting, weather, horizon, Random(seed))
        drawings.append(np.asarray(canvas.finished(), np.float32).transpose(2, 0, 1))
    return np.stack(drawings)


def _features(drawings: np.ndarray, usual: np.ndarray) -> np.ndarray:
    """The commonest colours (feature, 3) of the pixels that are not as usual."""
    distance = np.linalg.norm(drawings - usual[:, None], axis=2)
    unusual = np.moveaxis(drawings, 2, -1)[distance > TOLERANCE / 2]
    bins, counts = np.unique(unusual // FEATURE_BIN, axis=0, return_counts=True)
    common = bins[counts > FEATURE_SHARE * distance.size]
    return (common + 0.5) * FEATURE_BIN
