"""Captions as people may type them: what is left out, how often, and that it still reads well."""

from random import Random

import pytest

from scripts.demo_models.prompts import as_typed, is_hard
from scripts.demo_models.scenes import COLOURS

CAPTION = "a yellow star above a green house left of an orange cat at night"


def typed(forgetful: float, count: int = 20_000) -> list[str]:
    rng = Random(0)
    return [as_typed(CAPTION, rng, forgetful) for _ in range(count)]


def colours_in(prompt: str) -> int:
    return sum(word in COLOURS for word in prompt.split())


def test_most_captions_stay_some_say_and_some_lose_their_setting_some_everything():
    prompts = typed(0.0)
    assert 0.04 < prompts.count("") / 20_000 < 0.06
    assert 0.04 < prompts.count(CAPTION.removesuffix(" at night")) / 20_000 < 0.06
    assert 0.13 < prompts.count(CAPTION.replace("left of", "and")) / 20_000 < 0.17
    assert 0.73 < prompts.count(CAPTION) / 20_000 < 0.77


def test_a_forgetful_share_loses_one_colour_and_keeps_its_grammar():
    prompts = [prompt for prompt in typed(0.5) if prompt.endswith("at night")]
    forgotten = [prompt for prompt in prompts if colours_in(prompt) == 2]
    assert all(colours_in(prompt) in (2, 3) for prompt in prompts)
    assert 0.45 < len(forgotten) / len(prompts) < 0.55
    assert "a star above a green house left of an orange cat at night" in forgotten
    assert "a yellow star above a green house left of a cat at night" in forgotten


def test_a_size_survives_its_colour():
    rng = Random(0)
    assert {as_typed("a small orange cat at night", rng, 1.0) for _ in range(200)} == {
        "",
        "a small orange cat",
        "a small cat at night",
    }


@pytest.mark.parametrize(
    ("caption", "hard"),
    [
        ("a red house at night", True),
        ("a small red house by the sea", True),
        ("a red house left of a red cat left of a red duck by the sea", True),
        ("a big red house left of a red duck by the sea", False),
    ],
)
def test_nights_small_things_and_crowds_are_hard(caption, hard):
    assert is_hard(caption) is hard
