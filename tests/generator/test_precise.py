"""What leaves the range of half precision is painted again in fp32, and nobody else is."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
import torch
from fakes import FAKE_INFO, FakeSDXL
from tiny import TINY_INFO, alone, tiny_pipeline
from torch import nn

from generator.engine import Engine
from generator.job import Failed, Succeeded
from generator.model import BegunAnew
from generator.precise import precise
from generator.request import GenerationRequest
from generator.sdxl import SDXL, NonFinite

RED = GenerationRequest("a red house by the sea", 64, 64, 3, 5.0, seed=1)


def network() -> nn.Module:
    torch.manual_seed(0)
    layers = nn.Conv2d(4, 8, 3), nn.GroupNorm(2, 8), nn.SiLU(), nn.Flatten(), nn.Linear(32, 5)
    return nn.Sequential(*layers).half()


def test_it_computes_what_fp32_computes_and_leaves_every_parameter_as_it_was():
    half, inputs = network(), torch.randn(1, 4, 4, 4)
    before = [(each, each.data_ptr(), each.dtype) for each in half.parameters()]
    with torch.inference_mode(), precise(half):
        given = half(inputs)
    assert [(each, each.data_ptr(), each.dtype) for each in half.parameters()] == before
    assert torch.equal(given, network().float()(inputs))
    with pytest.raises(RuntimeError):
        half(inputs)  # no longer


def test_a_forward_that_fails_leaves_every_parameter_as_it_was():
    half = network()
    before = list(half.parameters())
    with pytest.raises(RuntimeError), precise(half):
        half(torch.randn(1, 3, 4, 4))
    assert all(one is other for one, other in zip(half.parameters(), before, strict=True))
    assert {each.dtype for each in half.parameters()} == {torch.float16}


class SpoilsOnce(SDXL):
    """The latents of the seed ``spoilt`` become NaN at the first step, in half precision."""

    spoilt = -1
    steps: Counter[int] = Counter()

    def denoise(self, samples):
        self.steps.update(sample.request.seed for sample in samples)
        errors = super().denoise(samples)
        for sample in samples:
            is_half = sample.latents.dtype is torch.float16
            if sample.request.seed == self.spoilt and is_half:
                sample.latents = sample.latents * torch.nan
        return errors


@pytest.fixture
def half(tmp_path):
    return tiny_pipeline(tmp_path).to(torch.float16)


def outcomes(sdxl, requests, steps=2 * RED.num_inference_steps):
    engine = Engine(sdxl)
    jobs = [engine.submit(request) for request in requests]
    for _ in range(steps):
        engine.step()
    assert engine.stats().running == 0
    return [job.outcome for job in jobs]


def difference(image, other):
    return np.abs(np.asarray(image, dtype=int) - np.asarray(other, dtype=int)).max()


@pytest.mark.tiny
def test_a_unet_that_overflows_paints_again_in_fp32_what_diffusers_paints(half, tmp_path):
    half.unet.conv_in.weight.data *= 1e5
    [outcome] = outcomes(SDXL(half, TINY_INFO), [RED])
    assert isinstance(outcome, Succeeded)
    assert {each.dtype for each in half.unet.parameters()} == {torch.float16}
    assert difference(outcome.image, alone(half.to(torch.float32), RED, "pil")) <= 3


@pytest.mark.tiny
def test_one_that_is_spoilt_is_painted_again_and_its_neighbours_once(half):
    sdxl = SpoilsOnce(half, TINY_INFO)
    requests = [replace(RED, seed=seed) for seed in range(3)]
    well = outcomes(sdxl, requests)
    sdxl.spoilt, sdxl.steps = 1, Counter()
    spoilt = outcomes(sdxl, requests)
    for seed, bound, steps in ((0, 1, 3), (1, 8, 6), (2, 1, 3)):
        assert difference(spoilt[seed].image, well[seed].image) <= bound
        assert sdxl.steps[seed] == steps


@pytest.mark.tiny
def test_what_is_nan_in_fp32_too_fails_at_the_second_time(half):
    half.unet.conv_out.bias.data *= torch.nan
    [outcome] = outcomes(SDXL(half, TINY_INFO), [RED])
    assert isinstance(outcome, Failed)


@pytest.mark.tiny
def test_of_several_none_is_begun_anew_before_the_culprit_is_known(half):
    sdxl = SDXL(half, TINY_INFO)
    first, second = sdxl.prepare([RED, RED])
    second.latents = second.latents * torch.nan
    with pytest.raises(NonFinite):
        sdxl.decode([first, second])
    with pytest.raises(BegunAnew):
        sdxl.decode([second])
    assert (second.step_index, second.latents.dtype) == (0, torch.float32)
    assert second.latents.isfinite().all()
    assert first.batch_key != second.batch_key


class BeginsAnew(FakeSDXL):
    def decode(self, samples):
        for sample in samples:
            if self.begun.setdefault(sample.request.seed, 0) == 0 and len(samples) == 1:
                self.begun[sample.request.seed] += 1
                sample.step_index = 0
                raise BegunAnew
        return super().decode(samples)

    begun: dict[int, int]


def test_the_engine_gives_it_all_of_its_steps_again_and_counts_no_failure():
    model = BeginsAnew()
    model.begun = {}
    engine = Engine(model)
    job = engine.submit(FAKE_INFO.request("a house", num_inference_steps=2))
    for _ in range(2):
        engine.step()
    assert not job.is_finished
    for _ in range(2):
        engine.step()
    assert isinstance(job.outcome, Succeeded)
    assert len(model.batches) == 4
    assert engine.stats().total_failures == 0
