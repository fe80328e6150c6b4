"""A preview is what the VAE would make of latents, for almost nothing, and harms no image."""

import logging
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from diffusers import DPMSolverMultistepScheduler, EulerDiscreteScheduler, HeunDiscreteScheduler
from diffusers.configuration_utils import FrozenDict
from tiny import TINY_INFO, tiny_pipeline

from generator.engine import Engine
from generator.preview import Preview, UnfitVAE, drawn_pictures
from generator.sdxl import SDXL

pytestmark = pytest.mark.tiny

SCALE = 4
MIXING = torch.tensor([[1.0, 0.5, 0.0], [0.0, 1.0, -0.5], [0.25, 0.0, 1.0], [0.5, -0.5, 0.5]])
GREY = torch.tensor([0.1, -0.2, 0.0])


class LinearVAE:
    """A VAE that a linear map describes whole, if ``nonsense`` is 0."""

    device, dtype = torch.device("cpu"), torch.float32

    def __init__(self, nonsense=0.0, **config):
        self.nonsense = nonsense
        means = {"latents_mean": None, "latents_std": None}
        sizes = {"block_out_channels": (8, 8, 8), "sample_size": 64, "scaling_factor": 0.5}
        self.config = FrozenDict({**sizes, **means, **config})

    def encode(self, pictures):
        self.side = pictures.shape[-1]
        small = torch.nn.functional.avg_pool2d(pictures, SCALE)
        encoded = torch.einsum("bchw,lc->blhw", small, torch.linalg.pinv(MIXING).T)
        return SimpleNamespace(latent_dist=SimpleNamespace(mode=lambda: encoded + self.nonsense))

    def decode(self, encoded, return_dict):
        assert not return_dict
        small = torch.einsum("blhw,lc->bchw", encoded, MIXING) + GREY.view(1, 3, 1, 1)
        return (torch.nn.functional.interpolate(small, scale_factor=SCALE),)


@pytest.mark.parametrize(
    ("config", "latents"),
    [
        ({"scaling_factor": 0.25}, lambda encoded: encoded * 0.25),
        (
            {"latents_mean": [0.5, -0.5, 1.0, 0.0], "latents_std": [2.0, 1.0, 0.5, 3.0]},
            lambda encoded: (
                (encoded - torch.tensor([0.5, -0.5, 1.0, 0.0]).view(1, 4, 1, 1))
                * (0.5 / torch.tensor([2.0, 1.0, 0.5, 3.0])).view(1, 4, 1, 1)
            ),
        ),
    ],
)
def test_what_is_linear_is_found_whole(config, latents):
    vae = LinearVAE(**config)
    pictures = torch.rand(1, 3, 24, 32) - 0.5
    encoded = vae.encode(pictures).latent_dist.mode()
    image = Preview.fit(vae).image(latents(encoded))
    expected = (vae.decode(encoded, return_dict=False)[0][..., ::SCALE, ::SCALE] / 2 + 0.5) * 255
    assert image.size == (8, 6)
    difference = np.asarray(image, dtype=float) - expected[0].permute(1, 2, 0).numpy()
    assert np.abs(difference).max() < 1


def test_a_preview_has_the_bounds_of_colours():
    image = Preview.fit(LinearVAE()).image(torch.tensor([100.0, -100.0]).expand(1, 4, 3, 2))
    assert np.asarray(image)[0].tolist() == [[255, 255, 255], [0, 0, 0]]


def test_what_no_colour_makes_shows_no_colour():
    latents = LinearVAE().encode(torch.rand(1, 3, 24, 32) - 0.5).latent_dist.mode()
    unused = torch.linalg.svd(MIXING.T).Vh[3].view(1, 4, 1, 1)
    preview = Preview.fit(LinearVAE())
    images = [np.asarray(preview.image(each), dtype=int) for each in (latents, latents + unused)]
    assert np.abs(images[0] - images[1]).max() <= 1


def test_half_precision_is_enough():
    latents = torch.linspace(-1, 1, 4 * 16 * 16).view(1, 4, 16, 16)
    preview = Preview.fit(LinearVAE())
    images = [np.asarray(preview.image(each), dtype=int) for each in (latents, latents.half())]
    assert np.abs(images[0] - images[1]).max() <= 1


def test_the_pictures_are_colourful_and_always_the_same():
    pictures = drawn_pictures(64)
    assert torch.equal(pictures, drawn_pictures(64))
    assert pictures.shape == (2, 3, 64, 64)
    assert pictures.std() > 0.4
    assert pictures.abs().max() <= 1
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    Preview.fit(LinearVAE())
    assert torch.equal(torch.rand(1), expected)


def test_a_fit_asks_for_little():
    vae = LinearVAE()
    Preview.fit(vae)
    assert vae.side == 16 * SCALE


@pytest.mark.parametrize("nonsense", [torch.nan, torch.inf])
def test_a_vae_that_gives_no_numbers_has_no_preview(nonsense):
    with pytest.raises(UnfitVAE, match=r"torch\.float32"):
        Preview.fit(LinearVAE(nonsense))


def paint(sdxl, requests):
    """The jobs of requests that came one step after another."""
    engine = Engine(sdxl)
    jobs = []
    for request in requests:
        jobs.append(engine.submit(request))
        engine.step()
    while not all(job.is_finished for job in jobs):
        engine.step()
    return jobs


@pytest.mark.parametrize(
    "scheduler", [EulerDiscreteScheduler, HeunDiscreteScheduler, DPMSolverMultistepScheduler]
)
def test_images_with_and_without_previews_are_the_same_to_the_bit(tmp_path, scheduler):
    pipeline = tiny_pipeline(tmp_path)
    pipeline.scheduler = scheduler.from_config(pipeline.scheduler.config)
    requests = [
        TINY_INFO.request(prompt, seed=seed, num_inference_steps=7, guidance_scale=guidance)
        for seed, (prompt, guidance) in enumerate([("a cat", 5.0), ("a red boat", 1.0)])
    ]
    plain, warm = SDXL(pipeline, TINY_INFO), SDXL(pipeline, TINY_INFO)
    warm.warm_up()
    without, previewed = paint(plain, requests), paint(warm, requests)
    for first, second in zip(without, previewed, strict=True):
        assert first.outcome.image.tobytes() == second.outcome.image.tobytes()
        assert first.preview is None
        assert second.preview[1].size == (16, 16)


def test_a_vae_without_a_preview_paints_all_the_same(tmp_path, caplog, monkeypatch):
    def fail(vae):
        raise UnfitVAE("broken")

    monkeypatch.setattr(Preview, "fit", fail)
    sdxl = SDXL(tiny_pipeline(tmp_path), TINY_INFO)
    with caplog.at_level(logging.WARNING):
        sdxl.warm_up()
        [job] = paint(sdxl, [TINY_INFO.request("a cat", num_inference_steps=7)])
    assert [record.message for record in caplog.records] == ["there will be no previews"]
    assert job.preview is None
    assert job.status == "succeeded"


def test_a_preview_shows_what_is_foreseen_and_not_the_noise(tmp_path):
    sdxl = SDXL(tiny_pipeline(tmp_path), TINY_INFO)
    [sample] = sdxl.prepare([TINY_INFO.request("a cat", num_inference_steps=7)])
    assert sdxl.preview(sample) is None
    sdxl.warm_up()
    assert sdxl.preview(sample).size == (16, 16)
    sdxl.denoise([sample])
    expected = Preview.fit(sdxl.pipeline.vae).image(sample.clean_latents())
    assert sdxl.preview(sample).tobytes() == expected.tobytes()


def test_where_weights_come_and_go_a_preview_waits_for_the_device(tmp_path):
    class DeviceLock:
        taken = 0

        def __enter__(self):
            self.taken += 1

        def __exit__(self, *error):
            pass

    lock = DeviceLock()
    sdxl = SDXL(tiny_pipeline(tmp_path), TINY_INFO, device_lock=lock)
    [sample] = sdxl.prepare([TINY_INFO.request("a cat", num_inference_steps=7)])
    assert (sdxl.preview(sample), lock.taken) == (None, 1)
    sdxl.warm_up()
    before = lock.taken
    assert before == 1 + 4  # prepare, denoise, decode, and the fit of the preview
    assert sdxl.preview(sample)
    assert lock.taken == before + 1
