"""A fast step whose numbers are looked at later: the device never waits, and nobody pays for it."""

from dataclasses import replace

import diffusers
import pytest
import torch
from tiny import TINY_INFO, tiny_pipeline

from generator.engine import Engine
from generator.fast import path as path_module
from generator.fast.candidate import Forward, Prepared
from generator.fast.path import FastPath
from generator.job import Progress
from generator.sdxl import SDXL

pytestmark = pytest.mark.tiny

NAN = torch.nan


@pytest.fixture(scope="module")
def pipeline(tmp_path_factory):
    return tiny_pipeline(tmp_path_factory.mktemp("tiny"))


@pytest.fixture
def plain(pipeline):
    return SDXL(pipeline, TINY_INFO)


class Breaks(Forward):
    """Right but in ``bad`` calls, where it gives NaN, or raises what it is given."""

    def __init__(self, module, bad):
        super().__init__("breaks", module)
        self.bad = dict(bad)
        self.calls = 0

    def around(self, before):
        def forward(*args, **options):
            self.calls += 1
            result = before(*args, **options)
            fault = self.bad.get(self.calls)
            if isinstance(fault, Exception):
                raise fault
            return result if fault is None else (result[0] * fault,)

        return forward


@pytest.fixture
def broken(pipeline):
    """Makes a model whose fast path breaks in these calls, from the first on."""
    made = []

    def make(bad):
        sdxl = SDXL(pipeline, TINY_INFO)
        candidate = Breaks(pipeline.unet, bad)
        candidate.turn_on()
        sdxl.fast_path._on.append(candidate)
        made.append(candidate)
        return sdxl

    yield make
    for candidate in made:
        candidate.turn_off()


REQUESTS = [
    TINY_INFO.request("a cat", seed=1, num_inference_steps=4),
    TINY_INFO.request("a red boat", seed=2, num_inference_steps=6, guidance_scale=1.0),
]


def paint(sdxl, requests=REQUESTS):
    engine = Engine(sdxl)
    jobs = [engine.submit(request) for request in requests]
    for _ in range(50):
        engine.step()
    return jobs


def images(jobs):
    return [job.outcome.image.tobytes() for job in jobs]


def poisoning(sdxl):
    """Its first sample is NaN by either path."""
    prepare = sdxl.prepare

    def poison(requests):
        samples = prepare(requests)
        samples[0].prompt_embeds = samples[0].prompt_embeds * NAN
        return samples

    sdxl.prepare = poison
    return sdxl


@pytest.mark.parametrize("bad", range(1, 7))
def test_a_step_that_gives_nan_is_taken_back_and_made_anew_for_good(plain, broken, bad):
    sdxl = broken({bad: NAN})
    jobs = paint(sdxl)
    assert images(jobs) == images(paint(plain))
    assert sdxl.fast_path.name == ""
    assert sdxl.fast_path.verdicts[-1].why == "it gave NaN or infinity later on"
    for job in jobs:
        steps = [event.step for event in job.events if isinstance(event, Progress)]
        assert steps == sorted(steps)
        assert job.outcome.fast_path == ("breaks" if steps[-1] < bad else "")


def test_all_of_a_step_are_set_back_and_who_joined_since_is_not(plain, broken):
    sdxl = broken({2: NAN})
    engine = Engine(sdxl)
    jobs = [engine.submit(REQUESTS[0])]
    engine.step()
    engine.step()
    jobs.append(engine.submit(REQUESTS[1]))
    while not all(job.is_finished for job in jobs):
        engine.step()
    assert images(jobs) == images(paint(plain))


def test_who_left_since_is_no_reason_to_fail(plain, broken):
    sdxl = broken({1: NAN})
    engine = Engine(sdxl)
    left = engine.submit(REQUESTS[0])
    engine.step()
    left.cancel()
    job = engine.submit(REQUESTS[1])
    while not job.is_finished:
        engine.step()
    assert images([job]) == images(paint(plain)[1:])
    assert sdxl.fast_path.name == ""


def test_what_was_launched_last_is_looked_at_before_anything_else_is_tried(broken):
    sdxl = broken({1: NAN})
    engine = Engine(sdxl)
    left = engine.submit(REQUESTS[0])
    engine.step()
    left.cancel()
    sdxl.improve()
    assert sdxl.fast_path.name == ""


def test_one_that_raises_after_one_that_gave_nan_hides_nothing(plain, broken):
    """Both paths fail at what the NaN led to; it is the NaN that is told."""
    sdxl = broken({2: NAN, 3: RuntimeError("illegal address")})
    assert images(paint(sdxl)) == images(paint(plain))
    assert sdxl.fast_path.verdicts[-1].why == "it gave NaN or infinity later on"


def test_one_that_raises_is_repeated_at_once(plain, broken):
    sdxl = broken({3: RuntimeError("illegal address")})
    assert images(paint(sdxl)) == images(paint(plain))
    assert sdxl.fast_path.name == ""


def test_what_the_plain_path_fails_at_too_costs_the_fast_one_nothing(plain, broken):
    sdxl = poisoning(broken({}))
    poisoned, sound = paint(sdxl)
    assert poisoned.status == "failed"
    assert images([sound]) == images(paint(plain)[1:])
    assert sdxl.fast_path.name == "breaks"


def test_a_flag_is_read_after_the_next_forward_is_launched(monkeypatch):
    """And a step is remembered before it moves anything, and only while something is on."""
    told = []

    class Flag:
        def __init__(self, value):
            self.number = sum(each == "launch" for each in told)

        def __bool__(self):
            told.append(f"read {self.number}")
            return True

    class Nothing(Prepared):
        name = "nothing"

        def turn_off(self):
            pass

    def launch():
        told.append("launch")
        return torch.ones(1)

    def remember():
        told.append("remember")
        return lambda: pytest.fail("it was right")

    monkeypatch.setattr(path_module, "Flag", Flag)
    path = FastPath()
    path.launch(launch, remember)
    path._on.append(Nothing())
    path.launch(launch, remember)
    path.launch(launch, remember)
    assert not path.settle()
    assert not path.settle()
    assert told == ["launch", "launch", "remember", "launch", "read 2", "remember", "read 3"]


def test_a_neighbour_that_only_the_fast_path_spoilt_is_saved_from_one_that_both_spoil(
    plain, broken
):
    sdxl = poisoning(broken({2: torch.tensor([1.0, 1.0, NAN]).view(3, 1, 1, 1)}))
    poisoned, sound = paint(sdxl)
    assert poisoned.status == "failed"
    assert images([sound]) == images(paint(plain)[1:])
    assert sdxl.fast_path.name == ""


def test_a_step_that_cannot_be_repeated_hurts_nobody_who_asks_later(broken, caplog):
    sdxl = broken({1: NAN})
    engine = Engine(sdxl)
    left = engine.submit(REQUESTS[0])
    engine.step()
    left.cancel()
    last = sdxl.fast_path._launched

    def full():
        raise MemoryError

    sdxl.fast_path._launched = replace(last, forward=full)
    sdxl.improve()
    assert "a forward cannot be repeated" in caplog.text
    assert sdxl.fast_path.name == "breaks"


def test_a_preview_shows_no_nan(plain, broken):
    sdxl = broken({})
    for each in (sdxl, plain):
        each.warm_up()
    [candidate] = sdxl.fast_path._on
    candidate.bad[candidate.calls + 1] = NAN
    previews = []
    for each in (sdxl, plain):
        [sample] = each.prepare(REQUESTS[:1])
        each.denoise([sample])
        previews.append(each.preview(sample).tobytes())
    [fresh] = plain.prepare(REQUESTS[:1])
    assert previews[0] == plain.preview(fresh).tobytes() != previews[1]


SCHEDULERS = [
    *(
        (name, {})
        for name in (
            "DDIM",
            "DDPM",
            "DEISMultistep",
            "DPMSolverMultistep",
            "DPMSolverSinglestep",
            "EulerAncestralDiscrete",
            "EulerDiscrete",
            "HeunDiscrete",
            "IPNDM",
            "KDPM2Discrete",
            "KDPM2AncestralDiscrete",
            "LCM",
            "SASolver",
            "TCD",
            "UniPCMultistep",
        )
    ),
    ("PNDM", {"skip_prk_steps": True}),
    ("PNDM", {"skip_prk_steps": False}),
]


@pytest.mark.parametrize(("name", "config"), SCHEDULERS)
def test_steps_that_are_taken_back_leave_nothing(pipeline, plain, name, config, monkeypatch):
    """Each step is first made with NaN, and taken back."""
    kind = getattr(diffusers, f"{name}Scheduler")
    scheduler = kind.from_config({**pipeline.scheduler.config, **config})
    monkeypatch.setattr(pipeline, "scheduler", scheduler)
    undisturbed, sample = plain.prepare([REQUESTS[1]] * 2)
    while not sample.is_denoised:
        state = sample.state()
        with torch.inference_mode():
            sample.advance(sample.latent_model_input(), torch.full_like(sample.latents, NAN))
        sample.put_back(state)
        plain.denoise([undisturbed])
        plain.denoise([sample])
    assert sample.latents.isfinite().all()
    assert torch.equal(sample.latents, undisturbed.latents)
