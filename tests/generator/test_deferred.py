"""A deferred model stands for what its loader gives, once that was called."""

import pytest
from fakes import FAKE_INFO, FakeBlip, FakeSDXL
from PIL import Image

import captioner.deferred
import generator.deferred
from captioner.request import CaptionRequest


def test_a_generator_is_offered_before_it_is_loaded_and_works_after():
    loaded = []
    model = generator.deferred.Deferred(FAKE_INFO, lambda: loaded.append(1) or FakeSDXL())
    request = model.info.request("a", seed=7)
    assert loaded == []
    with pytest.raises(AssertionError, match="load was not called"):
        model.prepare(request)
    model.load()
    sample = model.prepare(request)
    assert model.denoise([sample]) == {}
    assert sample.step_index == 1
    assert model.decode(sample).getpixel((0, 0)) == (7, 100, 200)
    assert loaded == [1]


def test_a_captioner_too():
    model = captioner.deferred.Deferred(FakeBlip)
    request = CaptionRequest(Image.new("RGB", (8, 8)))
    with pytest.raises(AssertionError, match="load was not called"):
        model.batch_key(request)
    model.load()
    assert model.batch_key(request) == FakeBlip().batch_key(request)
    assert model.caption_batch([request]) == ["a picture of 8x8"]


def test_what_the_loader_raises_is_raised():
    def fail() -> FakeSDXL:
        raise RuntimeError("a tensor of another shape")

    with pytest.raises(RuntimeError, match="another shape"):
        generator.deferred.Deferred(FAKE_INFO, fail).load()
