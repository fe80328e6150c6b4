"""A checkpoint offers the sizes that SDXL was trained on, at its own scale."""

from dataclasses import replace

import pytest
from fakes import FAKE_INFO

from generator.model_info import ModelInfo
from generator.pipeline import read_model_info
from generator.request import InvalidRequest
from generator.shapes import WIDE_BUCKETS, Size
from models_cache.catalog import DEMO_GENERATOR
from models_cache.store import Store


def info(default_size: int, **others: object) -> ModelInfo:
    """With the limits that ``read_model_info`` gives."""
    limits = {"smallest_size": default_size // 4, "largest_size": default_size * 2}
    limits["learnt_sizes"] = ()
    return replace(FAKE_INFO, default_size=default_size, **limits | others)


def test_the_trained_sizes_are_multiples_of_64_of_about_the_same_area():
    assert len(set(WIDE_BUCKETS)) == 21
    for width, height in WIDE_BUCKETS:
        assert width % 64 == height % 64 == 0
        assert width >= height
        assert 0.89 < width * height / 1024**2 <= 1.04


def test_sdxl_is_offered_in_21_sizes_from_one_to_two_to_two_to_one():
    sizes = info(1024).sizes
    assert len(sizes) == 21
    assert (sizes[0], sizes[10], sizes[-1]) == ((704, 1408), (1024, 1024), (1408, 704))
    ratios = [size.width / size.height for size in sizes]
    assert ratios == sorted(ratios)


@pytest.mark.parametrize("multiple", [8, 16, 64])
@pytest.mark.parametrize("default_size", [64, 128, 192, 512, 768, 1024, 1536])
def test_every_size_offered_may_be_asked_for(default_size, multiple):
    checkpoint = info(default_size, size_multiple=multiple)
    assert (default_size, default_size) in checkpoint.sizes
    for size in checkpoint.sizes:
        request = checkpoint.request("a red house", **size._asdict())
        assert (request.width, request.height) == size
        assert max(size) <= 2 * min(size)


def test_what_the_limits_forbid_is_not_offered():
    sizes = info(1024, smallest_size=832, largest_size=1152).sizes
    assert (sizes[0], sizes[-1]) == ((832, 1152), (1152, 832))


def test_every_size_is_offered_upright_and_lying_and_once():
    for default_size in (64, 512, 1024):
        sizes = info(default_size).sizes
        assert len(set(sizes)) == len(sizes)
        assert {(size.height, size.width) for size in sizes} == set(sizes)


def test_a_turbo_of_512_pixels_is_offered_sizes_of_that_area():
    sizes = info(512).sizes
    assert len(sizes) == 21
    assert all(0.89 < size.width * size.height / 512**2 <= 1.04 for size in sizes)


@pytest.mark.parametrize(
    ("picture", "size"),
    [
        ((6000, 4000), (1216, 832)),
        ((4032, 3024), (1152, 896)),
        ((3024, 4032), (896, 1152)),
        ((500, 500), (1024, 1024)),
        ((1920, 1080), (1344, 768)),
        ((1080, 1920), (768, 1344)),
        ((1170, 2532), (704, 1408)),
        ((9000, 1000), (1408, 704)),
        ((1, 65536), (704, 1408)),
    ],
)
def test_a_picture_gets_the_size_most_like_it(picture, size):
    assert info(1024).nearest_size(*picture) == size


def test_a_picture_of_a_size_that_is_offered_gets_that_size():
    sdxl = info(1024)
    assert [sdxl.nearest_size(*size) for size in sdxl.sizes] == list(sdxl.sizes)


def test_a_picture_turned_round_gets_the_size_turned_round():
    sdxl = info(1024)
    for width in range(1, 4000, 7):
        lying, upright = sdxl.nearest_size(width, 1000), sdxl.nearest_size(1000, width)
        assert (lying.width, lying.height) == (upright.height, upright.width)


@pytest.mark.parametrize(
    ("shape", "size"),
    [("square", (1024, 1024)), ("tall", (832, 1216)), ("wide", (1216, 832))],
)
def test_a_word_names_a_shape(shape, size):
    assert info(1024).size_of_shape(shape) == size


@pytest.mark.parametrize("shape", ["Square", "", None, 3, ["wide"]])
def test_another_word_is_refused_and_the_right_ones_are_named(shape):
    with pytest.raises(InvalidRequest, match=r"^shape must be square, tall or wide\.$"):
        info(1024).size_of_shape(shape)


def test_a_checkpoint_for_squares_only_has_one_size_for_all():
    squares = info(128, learnt_sizes=(Size(128, 128),))
    assert squares.sizes == ((128, 128),)
    assert squares.nearest_size(6000, 4000) == (128, 128)
    assert {squares.size_of_shape(shape) for shape in ("square", "tall", "wide")} == {(128, 128)}


def test_the_demo_is_offered_in_the_sizes_that_it_has_learnt():
    demo = read_model_info(Store().locate(DEMO_GENERATOR))
    assert demo.sizes == ((104, 152), (128, 128), (152, 104))
    assert [demo.nearest_size(*size) for size in demo.sizes] == list(demo.sizes)
    assert demo.nearest_size(6000, 4000) == demo.size_of_shape("wide") == (152, 104)
    for size in demo.sizes:
        assert demo.request("a red house", **size._asdict())
