"""Blip in a batch gives what ``BlipForConditionalGeneration.generate`` gives for each alone."""

from collections.abc import Callable
from pathlib import Path
from threading import Lock

import pytest
import torch
from checkpoints import local
from PIL import Image
from tiny import tiny_blip

from captioner.blip import Blip
from captioner.engine import Engine
from captioner.request import CaptionRequest
from models_cache.catalog import Family
from models_cache.runtime.gpu_fit import Placement

pytestmark = pytest.mark.tiny

COLOURS = ["red", "yellow", "green", "blue", "white", "black", "grey"]


def picture(colour: str) -> Image.Image:
    image = Image.new("RGB", (40, 32), colour)
    image.paste("purple", (5, 5, 20, 12))
    return image


@pytest.fixture(scope="module")
def blip(tmp_path_factory: pytest.TempPathFactory) -> Blip:
    return Blip(*tiny_blip(tmp_path_factory.mktemp("tiny")), "tiny")


def alone(blip: Blip, request: CaptionRequest) -> str:
    """The caption as transformers' documentation makes it, processor and all."""
    inputs = blip.processor(images=request.image, text=request.prefix or None, return_tensors="pt")
    tokens = blip.model.generate(
        **inputs, max_new_tokens=request.max_new_tokens, num_beams=request.num_beams
    )
    return blip.processor.decode(tokens[0], skip_special_tokens=True).strip()


OPTIONS: list[Callable[[Image.Image], CaptionRequest]] = [
    lambda image: CaptionRequest(image),
    lambda image: CaptionRequest(image, prefix="a red"),
    lambda image: CaptionRequest(image, max_new_tokens=5),
    lambda image: CaptionRequest(image, num_beams=3),
]


@pytest.mark.parametrize("request_for", OPTIONS)
@pytest.mark.parametrize("count", [1, len(COLOURS)])
def test_captions_equal_generate_alone_and_in_a_batch(blip, request_for, count):
    requests = [request_for(picture(colour)) for colour in COLOURS[:count]]
    expected = [alone(blip, request) for request in requests]
    assert blip.caption_batch(requests) == expected
    assert len(set(expected)) > count // 2  # the pictures do differ to this model


def test_the_engine_mixes_up_nobody(blip):
    requests = [request_for(picture(colour)) for colour in COLOURS for request_for in OPTIONS]
    engine = Engine(blip)
    futures = [engine.submit(request) for request in requests]
    while not all(future.done() for future in futures):
        engine.step()
    assert [future.result() for future in futures] == [alone(blip, r) for r in requests]


def test_prefixes_of_one_length_share_a_batch_and_others_do_not(blip):
    image = picture("red")
    keys = [blip.batch_key(CaptionRequest(image, prefix)) for prefix in ("a red", "a blue", "a")]
    assert keys[0] == keys[1] != keys[2]


def test_what_transformers_saved_is_loaded_in_full_precision_on_a_cpu(blip, tmp_path: Path):
    model, processor = tiny_blip(tmp_path / "tokenizer")
    model.half().save_pretrained(tmp_path / "saved", variant="fp16")
    processor.save_pretrained(tmp_path / "saved")
    loaded = Blip.load(local(tmp_path / "saved", Family.BLIP), Placement(torch.device("cpu")))
    assert {parameter.dtype for parameter in loaded.model.parameters()} == {torch.float32}
    request = CaptionRequest(picture("blue"))
    assert loaded.caption_batch([request]) == [alone(loaded, request)]


def test_an_offloaded_captioner_says_the_same(blip, tmp_path: Path):
    """Its weights are in host memory between batches, shared ones too."""
    placement = Placement(torch.device("cpu"), device_lock=Lock())
    offloaded = Blip(*tiny_blip(tmp_path), "tiny", placement)
    requests = [CaptionRequest(picture(colour)) for colour in COLOURS]
    for _ in range(2):
        assert offloaded.caption_batch(requests) == blip.caption_batch(requests)
        assert not placement.device_lock.locked()
    offloaded.warm_up()
