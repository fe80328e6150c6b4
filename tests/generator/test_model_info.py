"""What a checkpoint offers decides what may be asked of it."""

import pytest
from fakes import FAKE_INFO

from generator.request import GenerationRequest, InvalidRequest

SIZE_MESSAGE = "must be a multiple of 8 from 16 to 128 pixels."


def refusal(prompt="a red house", **parameters):
    with pytest.raises(InvalidRequest) as caught:
        FAKE_INFO.request(prompt, **parameters)
    return caught.value


def test_what_is_not_asked_for_takes_the_default_of_the_checkpoint():
    request = FAKE_INFO.request("a red house", seed=7)
    assert request == GenerationRequest(
        prompt="a red house",
        width=64,
        height=64,
        num_inference_steps=4,
        guidance_scale=5.0,
        seed=7,
        negative_prompt=None,
    )


def test_every_parameter_reaches_the_request():
    parameters = {
        "width": 128,
        "height": 16,
        "num_inference_steps": 9,
        "guidance_scale": 0,
        "seed": 0,
        "negative_prompt": "",
    }
    request = FAKE_INFO.request("a red house", **parameters)
    assert {name: getattr(request, name) for name in parameters} == parameters


def test_a_parameter_of_none_takes_its_default():
    names = ["width", "height", "num_inference_steps", "guidance_scale", "negative_prompt"]
    request = FAKE_INFO.request("a red house", seed=7, **dict.fromkeys(names))
    assert request == FAKE_INFO.request("a red house", seed=7)


@pytest.mark.parametrize("parameters", [{}, {"seed": None}])
def test_a_missing_seed_is_drawn_at_random(parameters):
    seeds = {FAKE_INFO.request("a red house", **parameters).seed for _ in range(20)}
    assert len(seeds) > 15
    assert all(0 <= seed < 2**32 for seed in seeds)


@pytest.mark.parametrize("field", ["width", "height"])
@pytest.mark.parametrize("size", [16, 24, 64, 120, 128])
def test_a_size_may_be_any_multiple_in_the_range(field, size):
    assert getattr(FAKE_INFO.request("a red house", **{field: size}), field) == size


@pytest.mark.parametrize("field", ["width", "height"])
@pytest.mark.parametrize("size", [-16, 0, 8, 15, 17, 63, 65, 127, 129, 136, True, 64.0, "64", [64]])
def test_any_other_size_is_refused_and_the_right_ones_are_named(field, size):
    error = refusal(**{field: size})
    assert error.field == field
    assert str(error) == f"{field} {SIZE_MESSAGE}"


@pytest.mark.parametrize("name", ["steps", "Width", "", "self", "x" * 100, "\udcff"])
def test_an_unknown_parameter_is_refused_and_the_known_ones_are_named(name):
    error = refusal(**{name: 5})
    assert error.field == name[:40]
    known = "prompt, width, height, num_inference_steps, guidance_scale, seed, negative_prompt"
    assert str(error) == f"{name[:40]!r} is not known here: use {known}."


def test_an_unknown_parameter_of_none_is_refused_too():
    assert refusal(steps=None).field == "steps"


@pytest.mark.parametrize(
    ("field", "value"),
    [("num_inference_steps", 0), ("guidance_scale", "5"), ("seed", -1), ("negative_prompt", 5)],
)
def test_a_wrong_parameter_is_refused_by_the_request_itself(field, value):
    assert refusal(**{field: value}).field == field


def test_a_wrong_prompt_is_refused_by_the_request_itself():
    assert refusal(prompt=" ").field == "prompt"
