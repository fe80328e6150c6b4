"""The second judge: that it reads true scenes, sharp or not, and notices each change of one."""

from dataclasses import replace
from random import Random

import numpy as np
import pytest
from PIL import Image, ImageFilter

from scripts.demo_models.brush import Canvas
from scripts.demo_models.drawing import draw_scene
from scripts.demo_models.pixel_judge import PixelJudge
from scripts.demo_models.scenes import Scene, parse_caption, sample_scene
from scripts.demo_models.settings import draw_setting

TWO = parse_caption("a red house left of a small blue cat by the sea")


@pytest.fixture(scope="module")
def judge() -> PixelJudge:
    return PixelJudge()


def draw(scene: Scene) -> Image.Image:
    return draw_scene(scene, Random(scene.caption))


def soft(image: Image.Image) -> Image.Image:
    """Blurred, too bright and noisy, as a decoder's pictures may be."""
    blurred = np.asarray(image.filter(ImageFilter.GaussianBlur(0.7)), np.float32)
    noisy = 1.06 * blurred + np.random.default_rng(0).normal(0, 6, blurred.shape)
    return Image.fromarray(noisy.clip(0, 255).astype(np.uint8))


def test_held_out_scenes_are_read_word_for_word(judge):
    rng = Random("true scenes")
    for _ in range(8):
        scene = sample_scene(rng, held_out=True)
        assert judge.judge(draw(scene)) == scene


@pytest.mark.parametrize(
    "caption",
    [
        "a black cat at night",
        "a small white balloon in the snow",
        "a blue star above a green tree left of a white duck on the grass under a rainbow",
        "a white house left of a big white house in the snow",
    ],
)
def test_a_soft_picture_with_hard_colours_is_read_word_for_word(judge, caption):
    scene = parse_caption(caption)
    assert judge.judge(soft(draw(scene))) == scene


@pytest.mark.parametrize(
    "caption",
    [
        "a purple house left of a small blue cat by the sea",
        "a red house left of a small blue duck by the sea",
        "a small blue cat left of a red house by the sea",
        "a red house left of a blue cat by the sea",
        "a red house left of a small blue cat in the desert",
        "a red house left of a small blue cat by the sea in the rain",
        "a red house by the sea",
        "a red house left of a red house left of a blue cat by the sea",
    ],
)
def test_each_change_of_one_word_is_noticed(judge, caption):
    changed = parse_caption(caption)
    assert judge.judge(draw(changed)) == changed != TWO


def test_above_is_told_from_left_of(judge):
    above = parse_caption("a red kite above a green car in the city")
    beside = replace(above, places=("left of",))
    assert judge.judge(draw(above)) == above
    assert judge.judge(draw(beside)) == beside


@pytest.mark.parametrize("setting", ["at night", "in the snow", "in the city"])
def test_a_setting_without_things_is_no_scene(judge, setting):
    canvas = Canvas(128, 128)
    draw_setting(canvas, setting, "", 0.56, Random(setting))
    assert judge.judge(canvas.finished()) is None


def test_noise_is_no_scene(judge):
    noise = np.random.default_rng(0).integers(0, 256, (128, 128, 3), np.uint8)
    assert judge.judge(Image.fromarray(noise)) is None
