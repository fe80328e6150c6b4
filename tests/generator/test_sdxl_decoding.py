"""Latents become images: those that finish together in one call, each as it would be alone."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from diffusers import StableDiffusionXLPipeline
from tiny import TINY_INFO, tiny_pipeline

from generator.engine import Engine
from generator.job import Failed, Succeeded
from generator.request import GenerationRequest
from generator.sdxl import SDXL, NonFinite

pytestmark = pytest.mark.tiny

RED = GenerationRequest("a red house by the sea", 64, 64, 3, 5.0, seed=1)
THREE = [replace(RED, seed=seed) for seed in range(3)]


class WatchedSDXL(SDXL):
    """Notes how many samples each decode has; spoils the latents of the seed ``spoilt`` before."""

    spoilt = -1

    def __init__(self, pipeline):
        super().__init__(pipeline, TINY_INFO)
        self.decodes = []

    def decode(self, samples):
        self.decodes.append(len(samples))
        for sample in samples:
            if sample.request.seed == self.spoilt:
                sample.latents = sample.latents * torch.nan
        return super().decode(samples)


@pytest.fixture(scope="module")
def pipeline(tmp_path_factory: pytest.TempPathFactory) -> StableDiffusionXLPipeline:
    return tiny_pipeline(tmp_path_factory.mktemp("tiny"))


@pytest.fixture
def sdxl(pipeline: StableDiffusionXLPipeline) -> WatchedSDXL:
    return WatchedSDXL(pipeline)


def outcomes(sdxl, requests):
    engine = Engine(sdxl)
    jobs = [engine.submit(request) for request in requests]
    for _ in range(RED.num_inference_steps):
        engine.step()
    return [job.outcome for job in jobs]


def pixels(image):
    return np.asarray(image, dtype=int)


def test_images_that_finish_together_are_decoded_in_one_call_and_stay_the_same(sdxl):
    together = outcomes(sdxl, THREE)
    assert sdxl.decodes == [3]
    alone = [outcomes(sdxl, [request])[0] for request in THREE]
    for one, other in zip(together, alone, strict=True):
        assert np.abs(pixels(one.image) - pixels(other.image)).max() <= 1
    assert np.abs(pixels(together[0].image) - pixels(together[1].image)).max() > 5


def test_latents_that_are_not_finite_fail_and_give_no_black_image(sdxl):
    sdxl.spoilt = RED.seed
    [outcome] = outcomes(sdxl, [RED])
    assert isinstance(outcome, Failed)


@pytest.mark.parametrize("wrong", [torch.nan, torch.inf])
def test_one_that_is_not_finite_is_found_among_others(sdxl, wrong):
    first, second = sdxl.prepare([RED, RED])
    second.latents = second.latents * wrong
    with pytest.raises(NonFinite):
        sdxl.decode([first, second])


def test_latents_that_are_not_finite_leave_their_neighbours_their_images(sdxl):
    sdxl.spoilt = 1
    assert [type(each) for each in outcomes(sdxl, THREE)] == [Succeeded, Failed, Succeeded]
    assert sdxl.decodes == [3, 1, 1, 1]


def test_pixels_that_are_not_finite_fail_though_their_latents_are(sdxl, monkeypatch):
    """As of a VAE that overflows in half precision at some latents and not at others."""
    last = sdxl.prepare(THREE)[2]
    last.latents = last.latents * 100
    decode = sdxl._decoder.decode

    def overflow(latents):
        pixels = decode(latents)
        pixels[latents.abs().amax((1, 2, 3)) > 100] = torch.nan
        return pixels

    monkeypatch.setattr(sdxl._decoder, "decode", overflow)
    [image] = sdxl.decode(sdxl.prepare([RED]))
    assert np.asarray(image).any()
    for samples in ([last], [*sdxl.prepare([RED]), last]):
        with pytest.raises(NonFinite):
            sdxl.decode(samples)


def test_as_many_share_a_call_as_the_decoder_says(sdxl, monkeypatch):
    monkeypatch.setattr(sdxl._decoder, "batch_size", lambda latents: 2)
    outcomes(sdxl, THREE)
    assert sdxl.decodes == [2, 1]
