"""The engine over the real SDXL classes gives what diffusers' own pipeline gives alone."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from checkpoints import local
from diffusers import DPMSolverMultistepScheduler, HeunDiscreteScheduler, StableDiffusionXLPipeline
from tiny import TINY_INFO, alone, is_channels_last, tiny_pipeline

from generator.engine import Engine
from generator.job import Job, Succeeded
from generator.request import GenerationRequest
from generator.sdxl import SDXL
from models_cache.catalog import Family
from models_cache.runtime.gpu_fit import Placement

pytestmark = pytest.mark.tiny

# In fp32, by how much what shared its forwards may differ from what ran alone.
LATENTS_TOLERANCE = 1e-3

RED = GenerationRequest("a red house by the sea", 64, 64, 7, 5.0, seed=1)
REQUESTS = [
    RED,
    GenerationRequest("a blue cat at night", 64, 64, 4, 7.5, seed=2, negative_prompt="a star"),
    GenerationRequest("a tree", 96, 64, 5, 3.0, seed=3, negative_prompt=""),
    GenerationRequest("an orange boat in the snow", 64, 64, 3, 0.0, seed=4),
    GenerationRequest("a white balloon", 64, 64, 6, 4.0, seed=5, negative_prompt=""),
    GenerationRequest("a black car in the desert", 96, 64, 3, 1.0, seed=6, negative_prompt="a car"),
    GenerationRequest("a green flower on the grass " * 10, 64, 64, 4, 2.0, seed=7),
]


class RecordingSDXL(SDXL):
    """Keeps the final latents of each request, and the timesteps of each forward."""

    def __init__(self, pipeline: StableDiffusionXLPipeline) -> None:
        super().__init__(pipeline, TINY_INFO)
        self.latents: dict[GenerationRequest, torch.Tensor] = {}
        self.forwards: list[list[float]] = []

    def denoise(self, samples):
        self.forwards.append([sample.timestep.item() for sample in samples])
        return super().denoise(samples)

    def decode(self, samples):
        self.latents |= {sample.request: sample.latents for sample in samples}
        return super().decode(samples)


@pytest.fixture(scope="module")
def pipeline(tmp_path_factory: pytest.TempPathFactory) -> StableDiffusionXLPipeline:
    pipeline = tiny_pipeline(tmp_path_factory.mktemp("tiny"))
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


@pytest.fixture
def sdxl(pipeline: StableDiffusionXLPipeline) -> RecordingSDXL:
    return RecordingSDXL(pipeline)


def run_apart(sdxl: SDXL, requests: list[GenerationRequest], steps_between: int = 1) -> list[Job]:
    """The jobs of requests that arrive one after another, with steps in between."""
    engine = Engine(sdxl)
    jobs = []
    for request in requests:
        jobs.append(engine.submit(request))
        for _ in range(steps_between):
            engine.step()
    while engine.stats().waiting or engine.stats().running:
        engine.step()
    return jobs


@pytest.mark.parametrize("steps_between", [0, 2])
def test_latents_and_images_equal_the_pipeline_alone(pipeline, sdxl, steps_between):
    jobs = run_apart(sdxl, REQUESTS, steps_between)
    for request, job in zip(REQUESTS, jobs, strict=True):
        outcome = job.outcome
        assert isinstance(outcome, Succeeded)
        expected = alone(pipeline, request, "latent")
        assert (sdxl.latents[request][0] - expected).abs().max() < LATENTS_TOLERANCE
        image = np.asarray(alone(pipeline, request, "pil"), dtype=int)
        assert np.abs(np.asarray(outcome.image, dtype=int) - image).max() <= 1


class StopsEarly(RecordingSDXL):
    def _sample(self, *arguments):
        sample = super()._sample(*arguments)
        sample.timesteps = sample.timesteps[:-1]
        return sample


class SharesTheFirstTimestep(RecordingSDXL):
    def denoise(self, samples):
        own = [sample.timesteps for sample in samples]
        embed = self.pipeline.unet.get_time_embed
        self.pipeline.unet.get_time_embed = lambda sample, timestep: embed(
            sample, timestep[:1].expand(len(timestep))
        )
        try:
            return super().denoise(samples)
        finally:
            del self.pipeline.unet.get_time_embed
            assert own == [sample.timesteps for sample in samples]


class SharesField(RecordingSDXL):
    """Every sample of a batch is given one field of the first."""

    field = ""

    def denoise(self, samples):
        own = [getattr(sample, self.field) for sample in samples]
        for sample, tensor in zip(samples, own, strict=True):
            setattr(sample, self.field, own[0][-1:].expand_as(tensor))
        try:
            return super().denoise(samples)
        finally:
            for sample, tensor in zip(samples, own, strict=True):
                setattr(sample, self.field, tensor)


class SharesPooledEmbeddings(SharesField):
    field = "add_text_embeds"


class SharesPromptEmbeddings(SharesField):
    field = "prompt_embeds"


class MixesUpTimeIds(RecordingSDXL):
    """A neighbour's, of another size: samples of one size have equal ones."""

    def _add_time_ids(self, request, prompt_embeds):
        other = replace(request, width=request.height, height=request.width)
        return super()._add_time_ids(other, prompt_embeds)


class EncodesEmptyForNone(RecordingSDXL):
    def _texts(self, request):
        return super()._texts(replace(request, negative_prompt=request.negative_prompt or ""))


@pytest.mark.parametrize(
    "wrong",
    [
        StopsEarly,
        SharesTheFirstTimestep,
        SharesPooledEmbeddings,
        SharesPromptEmbeddings,
        MixesUpTimeIds,
        EncodesEmptyForNone,
    ],
)
def test_the_comparison_sees_an_engine_that_is_wrong(pipeline, wrong):
    sdxl = wrong(pipeline)
    run_apart(sdxl, REQUESTS)
    differences = [
        (sdxl.latents[request][0] - alone(pipeline, request, "latent")).abs().max().item()
        for request in REQUESTS
    ]
    assert max(differences) > 5 * LATENTS_TOLERANCE


def test_requests_at_different_timesteps_shared_their_forwards(sdxl):
    run_apart(sdxl, REQUESTS)
    assert any(len(set(timesteps)) > 1 for timesteps in sdxl.forwards)


@pytest.mark.parametrize(
    "changed",
    [
        {"prompt": "a red house by the sea and a cat"},
        {"negative_prompt": ""},
        {"negative_prompt": "a star"},
        {"num_inference_steps": 8},
        {"guidance_scale": 5.5},
        {"guidance_scale": 1.0},
        {"seed": 99},
    ],
    ids=str,
)
def test_each_parameter_changes_the_latents_by_far_more_than_the_tolerance(sdxl, changed):
    """Otherwise the comparison above could not tell when one of them is ignored."""
    run_apart(sdxl, [RED, replace(RED, **changed)])
    first, second = sdxl.latents.values()
    assert (first - second).abs().max() > 20 * LATENTS_TOLERANCE


@pytest.mark.parametrize("scheduler", [HeunDiscreteScheduler, DPMSolverMultistepScheduler])
def test_schedulers_with_a_memory_keep_it_apart(tmp_path, scheduler):
    pipeline = tiny_pipeline(tmp_path)
    pipeline.scheduler = scheduler.from_config(pipeline.scheduler.config)
    sdxl = RecordingSDXL(pipeline)
    run_apart(sdxl, REQUESTS[:2])
    for request in REQUESTS[:2]:
        expected = alone(pipeline, request, "latent")
        assert (sdxl.latents[request][0] - expected).abs().max() < LATENTS_TOLERANCE


def test_an_autoencoder_with_its_own_mean_and_deviation_is_honoured(tmp_path):
    pipeline = tiny_pipeline(tmp_path)
    pipeline.vae.register_to_config(
        latents_mean=[0.5, -0.5, 1.0, 0.0], latents_std=[2.0, 1.0, 0.5, 3.0]
    )
    [job] = run_apart(SDXL(pipeline, TINY_INFO), [RED])
    expected = np.asarray(alone(pipeline, RED, "pil"), dtype=int)
    assert np.abs(np.asarray(job.outcome.image, dtype=int) - expected).max() <= 1


def test_pixels_are_rounded_once_even_from_a_vae_in_bf16(tmp_path):
    pipeline = tiny_pipeline(tmp_path)
    sdxl = SDXL(pipeline, TINY_INFO)
    pipeline.vae.to(torch.bfloat16)
    [sample] = sdxl.prepare([RED])
    latents = sample.latents.to(torch.bfloat16) / pipeline.vae.config.scaling_factor
    decoded = pipeline.vae.decode(latents).sample.double()
    expected = ((decoded / 2 + 0.5).clamp(0, 1) * 255).round()[0].permute(1, 2, 0)
    assert np.array_equal(np.asarray(sdxl.decode([sample])[0]), expected.byte().numpy())


def test_words_beyond_what_the_encoders_read_are_named(sdxl):
    *_, job = run_apart(sdxl, [RED, REQUESTS[-1]])
    assert job.outcome.unseen_words[:3] == ("a", "green", "flower")
    assert len(job.outcome.unseen_words) == 6 * 10 - 30
    assert run_apart(sdxl, [RED])[0].outcome.unseen_words == ()


def test_what_diffusers_saved_is_loaded_in_full_precision_on_a_cpu(pipeline, tmp_path):
    half = tiny_pipeline(tmp_path / "tokenizers")
    half.to(torch.float16).save_pretrained(tmp_path / "saved", variant="fp16")
    loaded = SDXL.load(local(tmp_path / "saved", Family.SDXL), Placement(torch.device("cpu")))
    assert {parameter.dtype for parameter in loaded.pipeline.unet.parameters()} == {torch.float32}
    assert is_channels_last(loaded.pipeline.unet)
    assert is_channels_last(loaded.pipeline.vae)
    assert loaded.info == replace(TINY_INFO, name="a checkpoint")
    [job] = run_apart(loaded, [RED])
    expected = np.asarray(alone(pipeline, RED, "pil"), dtype=int)
    assert np.abs(np.asarray(job.outcome.image, dtype=int) - expected).mean() < 3


def test_offloaded_models_paint_the_same_and_hold_the_lock_for_each_phase(pipeline, sdxl):
    class DeviceLock:
        def __init__(self):
            self.taken, self.is_held = 0, False

        def __enter__(self):
            assert not self.is_held
            self.taken, self.is_held = self.taken + 1, True

        def __exit__(self, *error):
            self.is_held = False

    lock = DeviceLock()
    offloaded = SDXL(pipeline, TINY_INFO, device_lock=lock)
    [expected], [job] = run_apart(sdxl, [RED]), run_apart(offloaded, [RED])
    assert job.outcome.image.tobytes() == expected.outcome.image.tobytes()
    assert lock.taken == 1 + RED.num_inference_steps + 1
    assert not lock.is_held
