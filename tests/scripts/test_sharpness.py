"""Sharpness: more for edges, less for blur, whatever is drawn."""

from random import Random

import pytest
from PIL import Image, ImageFilter

from scripts.demo_models.drawing import draw_scene
from scripts.demo_models.evaluate import held_out_scenes
from scripts.demo_models.sharpness import beside, sharpness

pytestmark = pytest.mark.tiny


@pytest.fixture
def drawings():
    return [draw_scene(scene, Random(0)) for scene in held_out_scenes(5, seed=0)]


def test_a_flat_picture_has_none_and_an_edge_some():
    flat = Image.new("RGB", (8, 8), "red")
    assert sharpness(flat) == 0
    edge = flat.copy()
    edge.paste("white", (4, 0, 8, 8))
    # One column of -d and one of +d of the six inner ones: d squared, a third.
    white, red = 255, edge.convert("L").getpixel((0, 0))
    assert sharpness(edge) == pytest.approx((white - red) ** 2 / 3)


def test_the_same_pictures_are_as_sharp_and_softer_ones_less(drawings):
    assert beside(drawings, drawings) == 1
    soft = [image.filter(ImageFilter.GaussianBlur(1)) for image in drawings]
    softer = [image.filter(ImageFilter.GaussianBlur(2)) for image in drawings]
    assert 0.4 > beside(soft, drawings) > beside(softer, drawings)


def test_one_odd_picture_does_not_count(drawings):
    noisy = [*drawings[:4], Image.effect_noise((128, 128), 200)]
    assert beside(noisy, drawings) == 1
