"""What counts as right: for judges of pictures, and for the words that they are compared with."""

from random import Random

import pytest

from scripts.demo_models.judges import is_shown, mismatched
from scripts.demo_models.scenes import parse_caption, sample_scene
from scripts.demo_models.verdict import refused, same_words, shown, table

ASKED = parse_caption("a red house left of a small blue cat by the sea at sunset")


@pytest.mark.parametrize(
    "seen",
    [
        "a red house left of a small blue cat by the sea at sunset",
        "a red house left of a blue cat by the sea",
        "a big red house left of a blue cat by the sea in the rain",
    ],
)
def test_things_colours_places_and_setting_count_sizes_and_weather_do_not(seen):
    assert is_shown(ASKED, parse_caption(seen))


@pytest.mark.parametrize(
    "seen",
    [
        "a blue house left of a red cat by the sea at sunset",
        "a small blue cat left of a red house by the sea at sunset",
        "a red house left of a small blue duck by the sea at sunset",
        "a red house left of a small blue cat on the grass at sunset",
        "a red house by the sea at sunset",
    ],
)
def test_another_thing_colour_place_or_setting_is_wrong(seen):
    assert not is_shown(ASKED, parse_caption(seen))


def test_what_is_beside_another_is_not_above_it():
    above = parse_caption("a red star above a blue cat at night")
    assert not is_shown(above, parse_caption("a red star left of a blue cat at night"))


def test_an_image_that_shows_no_scene_is_wrong():
    assert not is_shown(ASKED, None)


def test_a_mismatched_scene_is_never_what_was_shown_and_changes_each_kind_of_word():
    rng = Random(0)
    changed = set()
    for _ in range(500):
        scene = sample_scene(rng, held_out=True)
        lie = mismatched(scene, rng)
        assert not is_shown(lie, scene)
        pairs = list(zip(scene.things, lie.things, strict=False))
        changed |= {"colour"} if any(a.colour != b.colour for a, b in pairs) else set()
        changed |= {"kind"} if any(a.kind != b.kind for a, b in pairs) else set()
        changed |= {"setting"} if lie.setting != scene.setting else set()
        changed |= {"count"} if len(lie.things) != len(scene.things) else set()
    assert changed == {"colour", "kind", "setting", "count"}


def test_a_verdict_counts_and_names_what_is_wrong():
    other = parse_caption("a red house by the sea")
    verdict = shown([ASKED, other, other], [ASKED, ASKED, None])
    assert str(verdict) == "1 of 3 right (33.3 %)"
    assert verdict.wrong == ((other.caption, ASKED.caption), (other.caption, "no scene"))


def test_a_judge_who_sees_the_truth_refuses_every_lie_and_one_who_believes_all_none():
    rng = Random(1)
    scenes = [sample_scene(rng) for _ in range(50)]
    assert refused(scenes, scenes).share_right == 1
    rng = Random("mismatched")
    assert refused(scenes, [mismatched(scene, rng) for scene in scenes]).share_right == 0


def test_a_table_shows_each_part_of_the_scenes_by_itself():
    other = parse_caption("a red house by the sea")
    night = parse_caption("a big white cat at night")
    parts = dict(table([ASKED, other, night, night], [ASKED, None, night, other]))
    assert {name: str(part).partition(" right")[0] for name, part in parts.items()} == {
        "by the sea": "1 of 2",
        "at night": "1 of 2",
        "with a small thing": "1 of 1",
        "with a big thing": "1 of 2",
        "things: 1": "1 of 3",
        "things: 2": "1 of 1",
    }


def test_words_are_compared_one_by_one():
    assert same_words(["a", "b"], ["a", "c"]).wrong == (("b", "c"),)
