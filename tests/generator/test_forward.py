"""What a forward foresees is the finished image, whichever scheduler asked for it."""

import diffusers
import pytest
import torch

from generator.forward import Forward

pytestmark = pytest.mark.tiny

SHAPE = (1, 4, 8, 8)
TRAINED = {
    "beta_start": 0.00085,
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
    "clip_sample": False,
}
CLEAN = torch.linspace(-2, 2, 4 * 8 * 8).view(SHAPE)
KINDS = ["epsilon", "v_prediction"]


def scheduler_of(name: str, **config):
    return getattr(diffusers, f"{name}Scheduler").from_config({**TRAINED, **config})


def what_it_learned(kind: str, model_input: torch.Tensor, alpha: torch.Tensor) -> torch.Tensor:
    """The output of a UNet that knows one image and no other."""
    noise = (model_input - alpha.sqrt() * CLEAN) / (1 - alpha).sqrt()
    if kind == "epsilon":
        return noise
    return alpha.sqrt() * noise - (1 - alpha).sqrt() * CLEAN


def forwards(scheduler, kind: str, error: float = 0.0):
    """Each forward of an image, and what the scheduler's step made of it.

    ``error`` is added to what the UNet gives.
    """
    scheduler.set_timesteps(20)
    rng = torch.Generator().manual_seed(1)
    latents = torch.randn(SHAPE, generator=rng) * scheduler.init_noise_sigma
    sigmas = ((1 - scheduler.alphas_cumprod) / scheduler.alphas_cumprod).log() / 2
    for timestep in scheduler.timesteps:
        model_input = scheduler.scale_model_input(latents, timestep)
        low = min(int(timestep), len(sigmas) - 2)
        sigma = torch.lerp(sigmas[low], sigmas[low + 1], float(timestep) - low)
        noise_pred = what_it_learned(kind, model_input, (-2 * sigma).sigmoid()) + error
        torch.manual_seed(0)  # of those that add noise
        result = scheduler.step(noise_pred, timestep, latents)
        yield Forward(model_input, timestep, noise_pred), result
        latents = result.prev_sample


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("name", "config"),
    [
        ("EulerDiscrete", {}),
        ("EulerDiscrete", {"use_karras_sigmas": True}),
        ("EulerDiscrete", {"timestep_spacing": "trailing", "rescale_betas_zero_snr": True}),
        ("EulerAncestralDiscrete", {}),
        ("HeunDiscrete", {}),
        ("KDPM2Discrete", {}),
        ("KDPM2AncestralDiscrete", {}),
        ("DDIM", {}),
        ("DDPM", {}),
        ("PNDM", {"skip_prk_steps": True}),
        ("DPMSolverMultistep", {}),
        ("UniPCMultistep", {}),
    ],
)
def test_an_image_is_foreseen_at_each_step_of_each_scheduler(name, config, kind):
    scheduler = scheduler_of(name, prediction_type=kind, **config)
    *_, (_, last) = made = list(forwards(scheduler, kind))
    for forward, _ in made:
        assert (forward.clean_latents(scheduler) - CLEAN).abs().max() < 0.01
    assert (last.prev_sample - CLEAN).abs().mean() < 0.2  # what all of it was for


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ["EulerDiscrete", "EulerAncestralDiscrete", "DDIM"])
def test_where_a_scheduler_says_what_it_foresees_it_is_the_same(name, kind):
    scheduler = scheduler_of(name, prediction_type=kind)
    for forward, result in forwards(scheduler, kind, error=0.5):
        foreseen = result.pred_original_sample
        assert torch.allclose(forward.clean_latents(scheduler), foreseen, rtol=0.01, atol=0.01)


def test_pure_noise_foresees_numbers():
    scheduler = scheduler_of("DDIM", rescale_betas_zero_snr=True, prediction_type="v_prediction")
    assert scheduler.alphas_cumprod[-1] == 0
    forward = Forward(torch.randn(SHAPE), torch.tensor(999), -CLEAN)
    assert (forward.clean_latents(scheduler) - CLEAN).abs().max() < 0.01


def test_a_unet_that_gives_the_image_is_believed():
    scheduler = scheduler_of("DDIM", prediction_type="sample")
    forward = Forward(torch.randn(SHAPE), torch.tensor(500), CLEAN)
    assert torch.equal(forward.clean_latents(scheduler), CLEAN)


@pytest.mark.parametrize(
    ("name", "config"),
    [
        ("EDMEuler", {}),
        ("EulerDiscrete", {"timestep_type": "continuous", "prediction_type": "v_prediction"}),
    ],
)
def test_of_schedulers_that_count_time_otherwise_the_models_input_is_shown(name, config):
    scheduler = scheduler_of(name, **config)
    scheduler.set_timesteps(5)
    forward = Forward(torch.randn(SHAPE).half(), scheduler.timesteps[0], torch.randn(SHAPE))
    foreseen = forward.clean_latents(scheduler)
    assert foreseen.dtype == torch.float32
    assert torch.equal(foreseen, forward.model_input.float())
