"""Decoding in caches of fixed size finds the tokens that transformers' ``generate`` finds."""

import pytest
import torch
from tiny import tiny_blip
from transformers import BlipForConditionalGeneration

from captioner import decoding
from captioner.decoding import StaticDecoder, generate

pytestmark = pytest.mark.tiny

ROWS = 7


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> BlipForConditionalGeneration:
    return tiny_blip(tmp_path_factory.mktemp("tiny"))[0].eval().requires_grad_(False)


@pytest.fixture(scope="module")
def seen(model: BlipForConditionalGeneration) -> torch.Tensor:
    """Of pictures that differ."""
    side = model.config.vision_config.image_size
    noise = torch.randn(ROWS, 3, side, side, generator=torch.Generator().manual_seed(0))
    return model.vision_model(5 * noise).last_hidden_state


class Tape:
    """In place of a CUDA graph: calls a few times, as a capture does, and once for each replay."""

    def __init__(self):
        self.captures = self.replays = 0

    def __call__(self, call):
        self.captures += 1
        for _ in range(4):
            call()

        def replay():
            self.replays += 1
            call()

        return replay, None


def beginnings(model, rows, prefix_tokens):
    ids = torch.randint(5, 40, (rows, prefix_tokens), generator=torch.Generator().manual_seed(1))
    return torch.cat([torch.full((rows, 1), model.config.text_config.bos_token_id), ids], dim=1)


@pytest.mark.parametrize("capture", [None, Tape()], ids=["eager", "captured"])
@pytest.mark.parametrize("tokens_between_looks", [1, 4])
@pytest.mark.parametrize("max_new_tokens", [1, 2, 5, 40, 60])
@pytest.mark.parametrize("prefix_tokens", [0, 3])
@pytest.mark.parametrize("rows", [1, ROWS])
def test_the_tokens_are_those_of_generate(
    model, seen, capture, tokens_between_looks, max_new_tokens, prefix_tokens, rows, monkeypatch
):
    monkeypatch.setattr(StaticDecoder, "_tokens_between_looks", tokens_between_looks)
    decoder = StaticDecoder(model.text_decoder)
    if capture is not None:
        decoder.record(capture, seen[:1])
    input_ids = beginnings(model, rows, prefix_tokens)
    assert decoder.takes(input_ids, max_new_tokens)
    expected = generate(model.text_decoder, seen[:rows], input_ids, max_new_tokens)
    got = decoder.generate(seen[:rows], input_ids, max_new_tokens)
    assert got.tolist() == expected.tolist()


def test_generate_is_what_blip_itself_does(model, seen):
    side = model.config.vision_config.image_size
    pixels = torch.randn(2, 3, side, side, generator=torch.Generator().manual_seed(2))
    embeds = model.vision_model(pixels).last_hidden_state
    got = generate(model.text_decoder, embeds, beginnings(model, 2, 0), 12)
    assert got.tolist() == model.generate(pixels, max_new_tokens=12, do_sample=False).tolist()


def test_one_picture_is_captured_once_and_no_caption_is_left_for_the_next(model, seen):
    tape = Tape()
    decoder = StaticDecoder(model.text_decoder)
    decoder.record(tape, seen[:1])
    for row in [0, 1, 2, 1, 0]:
        one, input_ids = seen[row : row + 1], beginnings(model, 1, row)
        expected = generate(model.text_decoder, one, input_ids, 20)
        assert decoder.generate(one, input_ids, 20).tolist() == expected.tolist()
    assert tape.captures == 2
    assert tape.replays > 20


def test_several_at_once_and_long_ones_are_not_captured(model, seen, monkeypatch):
    monkeypatch.setattr(decoding, "ROOM", 16)
    monkeypatch.setattr(decoding, "CAPTURED", (16, 32, 128))
    tape = Tape()
    decoder = StaticDecoder(model.text_decoder)
    decoder.record(tape, seen[:1])
    assert tape.captures == 4  # the model has 64 places
    for rows, length, replays in ((1, 5, 5), (1, 20, 20), (1, 40, 0), (2, 5, 0)):
        tape.replays = 0
        decoder.generate(seen[:rows], beginnings(model, rows, 0), length)
        assert tape.replays <= replays
        assert bool(tape.replays) == bool(replays)


def test_what_another_way_of_decoding_would_say_is_left_to_generate(model):
    decoder = StaticDecoder(model.text_decoder)
    input_ids = beginnings(model, 1, 3)
    most = decoder.most_tokens
    assert decoder.takes(input_ids, most - 4)
    assert not decoder.takes(input_ids, most - 3)
    input_ids[0, 2] = model.text_decoder.config.pad_token_id
    assert not decoder.takes(input_ids, 5)
    input_ids = beginnings(model, 1, 3)
    assert decoder.takes(input_ids, 5)
    config = model.text_decoder.generation_config
    config.repetition_penalty = 1.5
    try:
        assert not decoder.takes(input_ids, 5)
    finally:
        config.repetition_penalty = None


def test_captions_end_one_by_one_while_others_go_on(model, seen, monkeypatch):
    input_ids = beginnings(model, ROWS, 0)
    free = generate(model.text_decoder, seen, input_ids, 30)
    config = model.text_decoder.config
    monkeypatch.setattr(config, "sep_token_id", ends_captions_at_several_places(free))
    expected = generate(model.text_decoder, seen, input_ids, 30)
    assert StaticDecoder(model.text_decoder).generate(seen, input_ids, 30).equal(expected)


def ends_captions_at_several_places(tokens):
    """A token that several rows have, and not all at the same place first."""
    for token in set(tokens.flatten().tolist()):
        places = [row.tolist().index(token) for row in tokens if token in row]
        if min(places) > 1 and len(set(places)) > 1:
            return token
    raise AssertionError("no token ends these captions")
