"""Encoded scenes: each as likely as another, until hard ones are preferred."""

from random import Random

import numpy as np
import torch

from scripts.demo_models.batches import DrawnScenes
from scripts.demo_models.encoded import EncodedScenes


def scenes() -> EncodedScenes:
    captions = ["easy", "easy", "hard", "never encoded"]
    drawn = DrawnScenes(np.zeros((4, 2, 2, 3), np.uint8), captions)
    return EncodedScenes(torch.zeros(3, 8, 1, 1), drawn, scaling_factor=2.0)


def share_of_hard(encoded: EncodedScenes) -> float:
    _, captions = encoded.batch(Random(0), 3000)
    assert set(captions) == {"easy", "hard"}
    return captions.count("hard") / 3000


def test_a_hard_scene_is_drawn_twice_as_often_once_it_is_preferred():
    encoded = scenes()
    assert 0.31 < share_of_hard(encoded) < 0.36
    encoded.prefer(lambda caption: caption == "hard")
    assert 0.47 < share_of_hard(encoded) < 0.53


def test_latents_are_scaled():
    latents, _ = scenes().batch(Random(0), 3000)
    assert 1.9 < latents.std() < 2.1
