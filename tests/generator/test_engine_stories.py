"""Everything at once: random stories, each job with one outcome."""

import logging
import random
from collections import Counter

import pytest
from fakes import FakeSDXL
from painting_engine import STAGES, ask, assert_succeeded, finish, forwards, steps_made

from generator.engine import Engine
from generator.job import Cancelled, Failed, Job, Queued, Succeeded
from generator.queue import QueueFull
from generator.request import GenerationRequest
from generator.sentences import MODEL_FAILED
from models_cache.runtime.model_thread import STOPPING

NO_CAPTION = Failed("There is no caption.")
STOPPED = Failed(STOPPING, stopped=True)


class Story:
    """A random life of an engine: arrivals, sizes, faults, cancels at any time, full memory."""

    def __init__(self, seed):
        self.rng = random.Random(seed)
        self.model = FakeSDXL(memory=self.rng.randint(1, 5), on_stage=self.on_stage)
        self.engine = Engine(
            self.model, max_batch_size=self.rng.randint(1, 5), max_jobs=self.rng.randint(2, 12)
        )
        self.cancel_rate = self.rng.choice([0, 0.01, 0.1])
        self.fault_rate = self.rng.choice([0, 0.1, 0.5])
        self.jobs = {}
        self.reserved = []
        self.gone = set()
        self.disturbed = set()

    def on_stage(self, stage, prompt):
        if prompt in self.gone:
            self.disturbed.add(prompt)
        self.cancel_some()

    def cancel_some(self):
        if self.jobs and self.rng.random() < self.cancel_rate:
            self.rng.choice(list(self.jobs.values())).cancel()

    def request(self):
        steps = self.rng.randint(1, 6)
        prompt = f"{len(self.jobs)}"
        if self.rng.random() < self.fault_rate:
            prompt += f" fails in {self.rng.choice(STAGES)}"
            if self.rng.random() < 0.5:
                prompt += f" at step {self.rng.randrange(steps)}"
        seed, width = self.rng.randrange(256), self.rng.choice([16, 24, 32])
        return ask(prompt, steps, seed=seed, width=width)

    def arrive(self):
        request = self.request()
        try:
            if self.reserved and self.rng.random() < 0.5:
                job = self.engine.submit(request, self.reserved.pop())
            else:
                job = self.engine.submit(request)
        except QueueFull:
            assert self.engine.stats().jobs == self.engine.max_jobs
        else:
            self.jobs[request.prompt] = job

    def reserve(self):
        if self.engine.stats().jobs < self.engine.max_jobs:
            self.reserved.append(self.engine.reserve()[0])

    def end_reserved(self):
        if self.reserved:
            self.rng.choice(self.reserved).publish(NO_CAPTION)

    def step(self):
        # Who is finished by now must not be touched again.
        self.gone = {prompt for prompt, job in self.jobs.items() if job.is_finished}
        self.engine.step()
        stats = self.engine.stats()
        assert stats.running <= self.engine.max_batch_size
        assert stats.jobs <= self.engine.max_jobs
        assert stats.waiting + stats.running <= stats.jobs

    def live(self):
        actions = [self.arrive, self.reserve, self.end_reserved, self.cancel_some, self.step]
        for action in self.rng.choices(actions, weights=[6, 1, 1, 1, 8], k=60):
            action()


def assert_log_is_whole(job: Job):
    """Queued once, progress from 0 without a gap, one outcome at the end."""
    kinds = [type(event) for event in job.events]
    assert sum(kind in (Succeeded, Failed, Cancelled) for kind in kinds) == 1
    assert kinds[-1] in (Succeeded, Failed, Cancelled)
    assert kinds.count(Queued) <= 1
    assert steps_made(job) == list(range(len(steps_made(job))))


def result(job: Job):
    """The pixels or the error."""
    end = job.outcome
    return end.image.tobytes() if isinstance(end, Succeeded) else end


def result_alone(request: GenerationRequest):
    engine = Engine(FakeSDXL())
    job = engine.submit(request)
    finish(engine)
    return result(job)


@pytest.mark.parametrize("ending", ["finish", "close"])
@pytest.mark.parametrize("seeds", [range(25), range(25, 50), range(50, 75), range(75, 100)])
@pytest.mark.slow
def test_whatever_happens_every_job_has_its_own_one_outcome(caplog, ending, seeds):
    caplog.set_level(logging.CRITICAL, "generator.engine")
    outcomes = Counter()
    for seed in seeds:
        story = Story(seed)
        story.live()
        if ending == "finish":
            finish(story.engine)
        story.engine.close()
        for prompt, job in story.jobs.items():
            assert_log_is_whole(job)
            outcomes[job.status] += 1
            if job.status == "succeeded":
                assert_succeeded(job)
                assert forwards(story.model)[prompt] == job.request.num_inference_steps
                assert sum(prompt in batch for batch in story.model.decodes) == 1
                assert job.outcome.image.size == (job.request.width, job.request.height)
            if job.outcome == STOPPED:
                assert ending == "close"
            elif job.status != "cancelled" and job.outcome != NO_CAPTION:
                assert result(job) == result_alone(job.request)
        for batch in (*story.model.batches, *story.model.decodes):
            assert len(batch) == len(set(batch)) <= story.engine.max_batch_size
            assert len({story.jobs[prompt].request.width for prompt in batch}) == 1
        ends = [job.outcome for job in story.jobs.values()]
        stats = story.engine.stats()
        assert stats.total_images == sum(isinstance(end, Succeeded) for end in ends)
        assert stats.total_failures == ends.count(Failed(MODEL_FAILED))
        assert (stats.jobs, stats.waiting, stats.running) == (0, 0, 0)
        assert all(job.is_finished for job in story.reserved)
        assert not story.disturbed
    assert all(outcomes[status] > 20 for status in ["succeeded", "failed", "cancelled"])
