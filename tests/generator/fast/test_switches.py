"""Switches of the whole process: judged by the UNet alone, they are on for nothing else."""

import pytest
import torch
from tiny import TINY_INFO, tiny_pipeline

from generator.engine import Engine
from generator.fast.candidate import Attention, HalfAccumulation, Switch
from generator.sdxl import SDXL

pytestmark = pytest.mark.tiny

NO_KERNEL = RuntimeError("no kernel for 77 tokens")


@pytest.fixture(scope="module")
def pipeline(tmp_path_factory):
    return tiny_pipeline(tmp_path_factory.mktemp("tiny"))


class Spoils(Switch):
    """What an encoder gives while it is on."""

    name = "spoils"

    def __init__(self, encoder, error=None):
        self.encoder = encoder
        self.error = error
        self.turned_on = 0

    def turn_on(self):
        self.turned_on += 1
        self.encoder.forward = self.forward

    def turn_off(self):
        self.encoder.__dict__.pop("forward", None)

    def forward(self, *args, **options):
        if self.error:
            raise self.error
        given = type(self.encoder).forward(self.encoder, *args, **options)
        given[0].fill_(torch.nan)
        return given


def image(sdxl):
    engine = Engine(sdxl)
    job = engine.submit(TINY_INFO.request("a cat", seed=1, num_inference_steps=2))
    while not job.is_finished:
        engine.step()
    return job.outcome.image.tobytes()


@pytest.mark.parametrize("error", [NO_KERNEL, None])
def test_the_text_encoders_compute_without_them(pipeline, error):
    sdxl, spoils = SDXL(pipeline, TINY_INFO), Spoils(pipeline.text_encoder_2, error)
    plain = image(sdxl)
    spoils.turn_on()
    sdxl.fast_path._on.append(spoils)
    try:
        assert image(sdxl) == plain
        assert (sdxl.fast_path.name, spoils.turned_on) == ("spoils", 2)
    finally:
        spoils.turn_off()


def test_attention_and_accumulation_are_such():
    assert issubclass(Attention, Switch)
    assert issubclass(HalfAccumulation, Switch)


def test_a_step_does_not_go_through_all_of_the_unet_s_modules(pipeline, monkeypatch):
    """SDXL has 1,930: to ask for ``unet.dtype`` takes 10 ms there, at each step."""
    sdxl, seen = SDXL(pipeline, TINY_INFO), []
    named_modules = pipeline.unet.named_modules

    def noted(*args, **options):
        for each in named_modules(*args, **options):
            seen.append(each)
            yield each

    samples = sdxl.prepare([TINY_INFO.request("a cat", seed=1, num_inference_steps=2)])
    monkeypatch.setattr(pipeline.unet, "named_modules", noted)
    assert sdxl.denoise(samples) == {}
    assert len(seen) < 5
    assert pipeline.unet.dtype is torch.float32
    assert len(seen) > 50
