"""What decoding takes, told from boxes alone."""

import struct

import pytest
from heif_files import coded, grid, heif, overlay, read_file

from captioner.heif_boxes import decoding_cost


def cost_of(*items, references=()):
    return decoding_cost(heif(*items, references=references))


ONE = cost_of(coded("picture"))


def test_a_picture_costs_its_pixels_its_margin_and_its_bytes():
    assert (128 + 64) * (64 + 64) + len(coded("picture")[1]) == ONE
    assert decoding_cost(read_file("picture")) == ONE


def test_what_is_not_part_of_the_picture_costs_nothing():
    items = [coded("picture"), coded("green", size=(9000, 9000))]
    assert cost_of(*items, references=[(b"thmb", 2, [1])]) == ONE


def test_tiles_layers_and_transparency_count_as_often_as_they_are_used():
    tiles = cost_of(grid(2, 1, 256, 64), coded("picture"), references=[(b"dimg", 1, [2, 2])])
    assert tiles == (256 + 64) * (64 + 64) + 8 + 2 * ONE
    levels = [overlay(2, 8, 8)] * 30 + [coded("picture")]
    references = [(b"dimg", number, [number + 1] * 2) for number in range(1, 31)]
    assert cost_of(*levels, references=references) > 2**30 * ONE
    alpha = cost_of(coded("picture"), coded("picture"), references=[(b"auxl", 2, [1])])
    assert alpha == 2 * ONE


def test_what_is_made_of_itself_is_refused():
    with pytest.raises(RecursionError):
        cost_of(overlay(1, 8, 8), references=[(b"dimg", 1, [1])])


def test_a_picture_without_a_size_is_refused():
    kind, body, properties = coded("picture")
    with pytest.raises(KeyError):
        cost_of((kind, body, properties[:1]))


@pytest.mark.parametrize("name", [b"iloc", b"ipco", b"ipma", b"pitm"])
def test_two_boxes_of_a_kind_are_refused(name):
    """The decoder might obey the other one."""
    data = heif(coded("picture"))
    with pytest.raises((ValueError, KeyError)):
        decoding_cost(data.replace(b"iinf", name).replace(b"hdlr", name))


def test_every_beginning_of_a_file_is_refused():
    data = heif(coded("picture"))
    for end in range(len(data)):
        with pytest.raises((ValueError, KeyError, struct.error)):
            decoding_cost(data[:end])
