"""What BLIP-large says out of habit is left out of a caption, and nothing else."""

import random
import sys
from functools import cache
from itertools import product

import pytest

from captioner.wording import NON_WORDS, without_tics

PLAIN = ["a", "and", "with", "on", "the", "is", "are", "man", "hat", "bald", "new", "york", "chow"]
ODD = [",", ".", ";", "...", ",.", "hat,", "Hat", "7", "ß", "araffes", "Arafed", "arafed,"]
WORDS = PLAIN + ODD


@pytest.mark.parametrize(
    ("caption", "wording"),
    [
        ("arafed man in a suit", "man in a suit"),
        ("Arafed image of a diagram.", "image of a diagram."),
        ("araffe statue of a horse in a courtyard", "statue of a horse in a courtyard"),
        ("araffes are standing on a street", "standing on a street"),
        ("a photograph of arafed man", "a photograph of man"),
        ("a man, arafed, and a dog that is wet", "a man, and a dog that is wet"),
        ("there is an araffy", "there is an"),
        ("an arafed man in a suit", "a man in a suit"),
        ("a arafed elephant", "an elephant"),
        ("the arafed man", "the man"),
    ],
)
def test_non_words_are_left_out(caption, wording):
    assert without_tics(caption) == wording


@pytest.mark.parametrize(
    ("caption", "wording"),
    [
        ("a bald bald bald man", "a bald man"),
        ("jungle jungle jungle jungle", "jungle"),
        ("Cat cat, on a sofa", "cat, on a sofa"),
        ("a chow chow chow chow dog", "a chow chow dog"),
        ("arafed arafed man", "man"),
        ("a arafed a man", "a man"),
    ],
)
def test_a_word_said_in_a_row_is_said_once(caption, wording):
    assert without_tics(caption) == wording


@pytest.mark.parametrize(
    ("caption", "wording"),
    [
        ("a man with a hat and a hat and a hat", "a man with a hat"),
        ("a man with a hat and a hat and a", "a man with a hat"),
        ("a man with one hat and a hat and a hat", "a man with one hat"),
        ("a man with a hat, a hat, a hat", "a man with a hat"),
        ("a man with a hat , a hat , a hat", "a man with a hat"),
        ("a cat on a table on a table.", "a cat on a table"),
        ("a dog chasing a dog chasing a dog", "a dog chasing a dog"),
        (
            "a man in snow in snow with a hat and a hat and a hat",
            "a man in snow in snow with a hat",
        ),
        ("a red hat on a red hat on a red hat on a red", "a red hat"),
        ("a black and white cat a black and white cat", "a black and white cat"),
        ("new york new york", "new york"),
    ],
)
def test_a_phrase_repeated_at_the_end_is_said_once(caption, wording):
    assert without_tics(caption) == wording


def test_a_repetition_that_another_hid_is_found_too():
    hidden = "a man in snow with a hat in snow with a hat and a hat and a hat"
    assert without_tics(hidden) == "a man in snow with a hat"


@pytest.mark.parametrize(
    "caption",
    [
        "a dog on top of a top hat",
        "a new york new york sign",
        "a dog and a dog",
        "two men standing side by side",
        "a black and white photo of a black and white cat",
        "a chow chow dog in a tuk tuk",
        "a boeing 7 7 7",
        "a clock that says 10 : 10",
        "a man in an arafat scarf",
        "a carafe of water",
        "the Eiffel Tower, Paris",
        "a man with a",
        "arafed",
        "araffes are",
        ",",
        "",
    ],
)
def test_ordinary_captions_are_left_alone(caption):
    assert without_tics(caption) == caption


def test_spaces_become_single():
    assert without_tics("  a  red\n house ") == "a red house"
    assert without_tics(" \n") == ""


@cache
def captions():
    """Every caption of two words, and random ones with a repetition within or at the end.

    Each with its wording.
    """
    return [(caption, without_tics(caption)) for caption in _captions()]


def _captions():
    yield from (" ".join(words) for words in product(WORDS, repeat=2))
    rng = random.Random(5)
    for _ in range(3000):
        vocabulary = rng.sample(WORDS, rng.randint(1, len(WORDS)))
        begin, phrase, end = (rng.choices(vocabulary, k=rng.randint(0, 7)) for _ in range(3))
        yield " ".join(begin + phrase * rng.randint(0, 5) + end[: rng.randint(0, 7)])


def sounds(caption):
    """Of its words; an article may have been made to fit."""
    found = [word.strip(".,;").casefold() for word in caption.split()]
    return ["a" if each == "an" else each for each in found]


def test_saying_it_again_changes_nothing():
    for _, wording in captions():
        assert without_tics(wording) == wording


def test_what_is_left_are_words_of_the_caption_in_their_order():
    for caption, wording in captions():
        left = iter(sounds(caption))
        assert all(word in left for word in sounds(wording)), caption


def test_only_an_empty_caption_becomes_empty():
    for caption, wording in captions():
        assert bool(wording) == bool(caption), caption


def test_no_non_word_is_left_beside_a_word():
    for caption, wording in captions():
        if set(sounds(caption)) - NON_WORDS - {"is", "are"}:
            assert not NON_WORDS & set(sounds(wording)), caption


def lines_run(caption):
    """How many lines of Python one call executes."""
    count = 0

    def trace(frame, event, argument):
        nonlocal count
        count += event == "line"
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        without_tics(caption)
    finally:
        sys.settrace(before)
    return count


def nested(words):
    """A caption whose end is a repetition again whenever one has been cut out of it."""
    caption = ["hat"]
    while len(caption) < words:
        caption = [f"word{len(caption)}", *caption, *caption]
    return caption[-words:]


@pytest.mark.parametrize(
    "words",
    [
        lambda count: ["bald"] * count,
        lambda count: ["a", "hat", "and"] * (count // 3),
        lambda count: [f"word{index % 49}" for index in range(count)],
        lambda count: [f"word{index % 60}" for index in range(count)],
        lambda count: [f"word{index}" for index in range(count)],
        lambda count: random.Random(5).choices(["hat", "coat"], k=count),
        lambda count: [word for index in range(count // 4) for word in [f"word{index}", "a"] * 2],
        nested,
    ],
)
def test_twice_the_words_take_about_twice_the_work(words):
    assert lines_run(" ".join(words(4000))) < 2.5 * lines_run(" ".join(words(2000)))
