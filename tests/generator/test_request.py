"""A request is valid once it exists, and a refusal names the field and what would be right."""

import dataclasses

import pytest

from generator.request import GenerationRequest, InvalidRequest

RIGHT = {
    "prompt": "a red house",
    "width": 64,
    "height": 64,
    "num_inference_steps": 4,
    "guidance_scale": 5.0,
    "seed": 1,
}
WHOLE_NUMBERS = [
    ("width", 1, 65536),
    ("height", 1, 65536),
    ("num_inference_steps", 1, 200),
    ("seed", 0, 9223372036854775807),
]
NO_WHOLE_NUMBERS = [True, False, 8.0, float("nan"), "8", b"8", None, [8], {"value": 8}, 8j]
NO_GUIDANCE_SCALES = [True, "5", None, [5.0], 5j, float("nan"), float("inf"), float("-inf")]
OUT_OF_RANGE_GUIDANCE_SCALES = [-0.01, -1, 50.01, 51, 10**400]


def make(**changes):
    return GenerationRequest(**{**RIGHT, **changes})


def refusal(**changes):
    """The error that names the one field that was changed, in one sentence."""
    with pytest.raises(InvalidRequest) as caught:
        make(**changes)
    error, message = caught.value, str(caught.value)
    assert [error.field] == list(changes)
    assert message.startswith(error.field)
    assert message.endswith(".")
    assert ". " not in message
    assert message.isprintable()
    assert len(message) < 150
    return error


def test_a_request_holds_what_it_was_made_of():
    request = make(negative_prompt="fog")
    assert dataclasses.asdict(request) == {**RIGHT, "negative_prompt": "fog"}


def test_a_request_does_not_change():
    with pytest.raises(dataclasses.FrozenInstanceError):
        make().seed = 2


@pytest.mark.parametrize(("field", "lowest", "highest"), WHOLE_NUMBERS)
def test_a_whole_number_may_be_either_end_of_its_range(field, lowest, highest):
    for value in (lowest, lowest + 1, highest - 1, highest):
        assert getattr(make(**{field: value}), field) == value


@pytest.mark.parametrize(("field", "lowest", "highest"), WHOLE_NUMBERS)
@pytest.mark.parametrize("end", ["lowest", "highest"])
def test_a_whole_number_beyond_either_end_is_refused(field, lowest, highest, end):
    value = lowest - 1 if end == "lowest" else highest + 1
    message = f"{field} must be a whole number from {lowest} to {highest}, not {value}."
    assert str(refusal(**{field: value})) == message


@pytest.mark.parametrize(("field", "lowest", "highest"), WHOLE_NUMBERS)
@pytest.mark.parametrize("value", NO_WHOLE_NUMBERS, ids=repr)
def test_what_is_no_whole_number_is_refused(field, lowest, highest, value):
    error = refusal(**{field: value})
    assert f"must be a whole number from {lowest} to {highest}, not {value!r}." in str(error)


@pytest.mark.parametrize("value", [0, 0.0, 1, 1.0, 7.5, 49.99, 50, 50.0])
def test_guidance_may_be_any_number_in_its_range(value):
    assert make(guidance_scale=value).guidance_scale == value


@pytest.mark.parametrize("value", NO_GUIDANCE_SCALES + OUT_OF_RANGE_GUIDANCE_SCALES, ids=repr)
def test_what_is_no_number_in_the_range_of_guidance_is_refused(value):
    error = refusal(guidance_scale=value)
    assert str(error).startswith("guidance_scale must be a number from 0 to 50, not ")


@pytest.mark.parametrize("field", ["width", "seed", "guidance_scale"])
@pytest.mark.parametrize("value", ["9" * 100_000, list(range(100_000)), [[[[[[[[]]]]]]]], "a\nb"])
def test_a_refusal_is_short_however_long_the_value(field, value):
    refusal(**{field: value})


@pytest.mark.parametrize("field", ["prompt", "negative_prompt"])
def test_a_prompt_may_have_2000_characters_of_any_kind(field):
    for value in ("x" * 2000, "\U0001f3e0" * 2000, "un château\nrouge \u0000 \ud7ff\ue000"):
        assert getattr(make(**{field: value}), field) == value


@pytest.mark.parametrize("field", ["prompt", "negative_prompt"])
def test_a_prompt_of_2001_characters_is_refused(field):
    message = f"{field} has 2001 characters: at most 2000 are allowed."
    assert str(refusal(**{field: "x" * 2001})) == message


@pytest.mark.parametrize("field", ["prompt", "negative_prompt"])
@pytest.mark.parametrize("value", [b"a red house", 5, True, ["a", "b"], {"text": "a"}], ids=repr)
def test_a_prompt_that_is_no_text_is_refused(field, value):
    assert str(refusal(**{field: value})) == f"{field} must be text."


@pytest.mark.parametrize("field", ["prompt", "negative_prompt"])
@pytest.mark.parametrize("half", [0xD800, 0xDBFF, 0xDC00, 0xDCFF, 0xDFFF], ids=hex)
def test_half_of_a_surrogate_pair_is_refused(field, half):
    assert "valid UTF-8" in str(refusal(**{field: f"a {chr(half)} house"}))


def test_a_prompt_must_be_given():
    assert str(refusal(prompt=None)) == "prompt must be text."


@pytest.mark.parametrize("blank", ["", " ", "\t\r\n", "\u00a0\u3000"], ids=ascii)
def test_a_blank_prompt_is_refused(blank):
    assert str(refusal(prompt=blank)) == "prompt is empty: say what to draw."


@pytest.mark.parametrize("negative_prompt", [None, "", " "])
def test_a_negative_prompt_may_be_missing_or_blank_and_these_differ(negative_prompt):
    request = make(negative_prompt=negative_prompt)
    assert request.negative_prompt == negative_prompt
    assert (request == make(negative_prompt=None)) is (negative_prompt is None)


def test_no_negative_prompt_is_the_default():
    assert make().negative_prompt is None
