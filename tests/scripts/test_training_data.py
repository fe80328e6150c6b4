"""Training scenes on disk: drawn once, the same by any number of processes, and then read."""

from random import Random

import numpy as np
import pytest

from scripts.demo_models import batches
from scripts.demo_models.scenes import is_held_out, parse_caption

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def _few(monkeypatch):
    monkeypatch.setattr(batches, "CHUNK", 4)
    monkeypatch.setattr(batches, "SCENES", 12)
    monkeypatch.setattr(batches, "NOWHERE_SCENES", 8)
    monkeypatch.setattr(batches, "SHAPED_SCENES", 4)


def test_scenes_are_drawn_once_and_none_is_held_out(tmp_path, monkeypatch):
    first = batches.drawn_scenes(tmp_path)
    assert first.images.shape == (12, 128, 128, 3)
    scenes = [parse_caption(caption) for caption in first.captions]
    assert not any(is_held_out(thing, each.setting) for each in scenes for thing in each.things)
    monkeypatch.setattr(batches, "draw_scene", None)
    assert batches.drawn_scenes(tmp_path).captions == first.captions


def test_a_chunk_is_the_same_whoever_draws_it(tmp_path):
    scenes = batches.drawn_scenes(tmp_path)
    images, captions = batches._draw_chunk(1, "scenes")
    assert captions == scenes.captions[4:8]
    assert np.array_equal(images, scenes.images[4:8])


def test_things_without_a_setting_have_captions_without_one(tmp_path):
    nowhere = batches.nowhere_scenes(tmp_path)
    assert len(nowhere) == 8
    for caption in nowhere.captions:
        assert parse_caption(f"{caption} at night").things_caption == caption


def test_scenes_in_other_shapes_have_scenes_of_their_own(tmp_path):
    wide, tall = (batches.shaped_scenes(tmp_path, shape) for shape in ("wide", "tall"))
    assert wide.images.shape == (4, 104, 152, 3)
    assert tall.images.shape == (4, 152, 104, 3)
    assert len({*wide.captions, *tall.captions, *batches.drawn_scenes(tmp_path).captions}) > 12


def test_a_batch_holds_pixels_beside_their_captions(tmp_path):
    scenes = batches.drawn_scenes(tmp_path)
    pixels, captions = scenes.batch(Random(3), 5)
    assert pixels.shape == (5, 3, batches.IMAGE_SIZE, batches.IMAGE_SIZE)
    assert -1 <= pixels.min() < pixels.max() <= 1
    for one, caption in zip(pixels, captions, strict=True):
        drawn = scenes.images[scenes.captions.index(caption)]
        assert np.allclose((one.permute(1, 2, 0).numpy() + 1) * 127.5, drawn, atol=0.01)
