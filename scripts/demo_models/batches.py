"""Scenes as the tensors that training reads."""

from random import Random

import numpy as np
import torch
from PIL import Image

from scripts.demo_models.drawing import draw_scene
from scripts.demo_models.scenes import sample_scene

IMAGE_SIZE = 64


def pixels(images: list[Image.Image]) -> torch.Tensor:
    """RGB images of one size as (N, 3, height, width) in [-1, 1]."""
    array = np.stack([np.asarray(image) for image in images])
    return torch.from_numpy(array).permute(0, 3, 1, 2).float() / 127.5 - 1


def draw_batch(rng: Random, count: int) -> tuple[torch.Tensor, list[str]]:
    """``count`` fresh training scenes as pixels in [-1, 1], and their captions."""
    scenes = [sample_scene(rng) for _ in range(count)]
    return pixels([draw_scene(scene, rng, IMAGE_SIZE) for scene in scenes]), [
        scene.caption for scene in scenes
    ]


def draw_nowhere_batch(rng: Random, count: int) -> tuple[torch.Tensor, list[str]]:
    """Training scenes without their settings, as pixels, and what of their captions is left."""
    scenes = [sample_scene(rng) for _ in range(count)]
    return pixels([draw_scene(scene, rng, IMAGE_SIZE, nowhere=True) for scene in scenes]), [
        scene.caption.removesuffix(f" {scene.setting}") for scene in scenes
    ]
