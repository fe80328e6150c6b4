"""Pictures of a kind that the captioner learnt are told from others."""

import pytest
import torch
from checkpoints import local
from PIL import Image
from tiny import tiny_blip

from captioner.blip import Blip
from captioner.familiarity import FILE, Familiarity, features
from captioner.request import CaptionRequest
from models_cache.catalog import Family
from models_cache.runtime.gpu_fit import Placement

pytestmark = pytest.mark.tiny

CPU = torch.device("cpu")
# Of two features that vary much, in step, one that varies little, and one that never does.
MIXING = torch.tensor([[3.0, 3.0, 0.0, 0.0], [0.0, 0.5, 0.0, 0.0], [0.0, 0.0, 0.2, 0.0]])


def familiar(count, seed):
    rng = torch.Generator().manual_seed(seed)
    return torch.randn(count, 3, generator=rng) @ MIXING + 5


@pytest.fixture
def fitted():
    return Familiarity.fit(familiar(2000, 0), familiar(1000, 1), 0.99)


def share(fitted, rows):
    return (fitted.distances(rows) <= fitted.limit).float().mean().item()


def test_as_many_familiar_ones_pass_as_were_asked_for(fitted):
    assert share(fitted, familiar(4000, 2)) == pytest.approx(0.99, abs=0.01)


@pytest.mark.parametrize(
    "step",
    [
        pytest.param([9.0, -9.0, 0.0, 0.0], id="features that went in step do not"),
        pytest.param([0.0, 0.0, 2.0, 0.0], id="a quiet feature is loud"),
        pytest.param([0.0, 0.0, 0.0, 2.0], id="a still feature moves"),
    ],
)
def test_what_no_familiar_one_does_is_strange_though_it_is_not_far(fitted, step):
    rows = familiar(500, 3)
    assert share(fitted, rows + torch.tensor(step)) < 0.05
    assert share(fitted, rows + torch.tensor([3.0, 3.0, 0.0, 0.0])) > 0.9


def test_it_is_read_as_it_was_written_but_for_half_precision(fitted, tmp_path):
    assert Familiarity.read(tmp_path, CPU) is None
    fitted.write(tmp_path)
    read = Familiarity.read(tmp_path, CPU)
    rows = familiar(500, 4)
    assert torch.allclose(read.distances(rows), fitted.distances(rows), rtol=0.05, atol=0.05)
    assert read.limit == pytest.approx(fitted.limit.item(), rel=1e-3)


def test_features_are_mean_and_deviation_over_the_patches():
    hidden = torch.tensor([[[1.0, 10.0], [3.0, 10.0]]], dtype=torch.float16)
    expected = torch.tensor([[2.0, 10.0, 2**0.5, 0.0]])
    assert torch.allclose(features(hidden), expected)


def pictures(colours):
    return [Image.new("RGB", (32, 32), colour) for colour in colours]


def captions(blip, colours):
    return blip.caption_batch([CaptionRequest(image) for image in pictures(colours)])


def test_a_captioner_says_of_each_picture_whether_it_knows_such(tmp_path):
    """Greens are familiar to it here."""
    folder = tmp_path / "checkpoint"
    model, processor = tiny_blip(tmp_path / "tokenizer")
    model.save_pretrained(folder)
    processor.save_pretrained(folder)
    greens = [(0, level, 0) for level in range(40, 240)]
    pixel_values = processor.image_processor(pictures(greens), return_tensors="pt").pixel_values
    with torch.inference_mode():
        seen = features(model.eval().vision_model(pixel_values).last_hidden_state)
    Familiarity.fit(seen[::2], seen[1::2], 1.0).write(folder)
    blip = Blip.load(local(folder, Family.BLIP), Placement(CPU))
    said = captions(blip, [(0, 100, 0), (255, 0, 255), (0, 150, 0)])
    assert [each.is_familiar for each in said] == [True, False, True]
    (folder / FILE).unlink()
    blip = Blip.load(local(folder, Family.BLIP), Placement(CPU))
    assert captions(blip, [(0, 100, 0), (255, 0, 255), (0, 150, 0)]) == said
    assert captions(blip, ["green"])[0].is_familiar is None
