"""The engine, driven step by step over a fake model; the tests that close it run its thread too."""

import itertools
import logging
import random
import threading
import weakref
from collections import Counter

import pytest
from fakes import FAKE_INFO, FakeSDXL

from generator.engine import MODEL_FAILED, NO_ROOM, Engine, QueueFull
from generator.engine_stats import EngineStats
from generator.job import Cancelled, Failed, Job, Progress, Queued, Succeeded
from models_cache.runtime.model_thread import STOPPING, EngineClosed

STAGES = ["prepare", "denoise", "scheduler", "decode"]
SECONDS = 10


class Death(BaseException):
    """What no engine survives, as when the interpreter is told to go."""


@pytest.fixture
def model():
    return FakeSDXL()


@pytest.fixture
def engine(model):
    return Engine(model)


def ask(prompt, num_inference_steps=4, **parameters):
    return FAKE_INFO.request(prompt, num_inference_steps=num_inference_steps, **parameters)


def finish(engine):
    """Steps until there is nothing to do."""
    for _ in range(1000):
        stats = engine.stats()
        if not stats.waiting and not stats.running:
            return
        engine.step()
    raise AssertionError("there is no end to it")


def steps_made(job):
    return [event.step for event in job.events if isinstance(event, Progress)]


def forwards(model):
    """How many forwards each prompt took part in."""
    return Counter(itertools.chain.from_iterable(model.batches))


def assert_succeeded(job):
    steps = job.request.num_inference_steps
    assert steps_made(job) == list(range(steps + 1))
    assert isinstance(job.outcome, Succeeded)


def is_closed(engine):
    """For an engine without a free place."""
    try:
        engine.reserve()
    except QueueFull:
        return False
    except EngineClosed:
        return True
    raise AssertionError("there was a place")


# One request.


def test_a_request_becomes_an_image_one_step_after_another(engine):
    request = ask("a", num_inference_steps=3, seed=7, width=32, height=16)
    job = engine.submit(request)
    assert job.events == (Queued(request),)
    finish(engine)
    *events, outcome = job.events
    assert events == [Queued(request), *(Progress(step, 3) for step in range(4))]
    assert outcome.image.size == (32, 16)
    assert outcome.image.getpixel((0, 0))[0] == 7


def test_one_step_is_one_step(engine):
    job = engine.submit(ask("a"))
    for step in range(1, 5):
        engine.step()
        assert job.progress == Progress(step, 4)
    assert isinstance(job.outcome, Succeeded)


def test_words_that_the_model_did_not_read_are_told_with_the_image(engine, model):
    prepare = model.prepare

    def prepare_with_unseen_words(request):
        sample = prepare(request)
        sample.unseen_words = ("last", "words")
        return sample

    model.prepare = prepare_with_unseen_words
    job = engine.submit(ask("a"))
    finish(engine)
    assert job.outcome.unseen_words == ("last", "words")


def test_a_step_without_work_does_nothing(engine, model):
    engine.step()
    assert model.batches == []


def test_the_engine_keeps_nothing_of_a_finished_job(engine):
    job = engine.submit(ask("a", 1))
    engine.step()
    image = weakref.ref(job.outcome.image)
    del job
    assert image() is None


# Batches.


def test_a_late_request_joins_the_running_batch_at_the_next_step(engine, model):
    first = engine.submit(ask("first"))
    engine.step()
    engine.step()
    late = engine.submit(ask("late"))
    finish(engine)
    alone, shared = [["first"]] * 2, [["first", "late"]] * 2
    assert model.batches == [*alone, *shared, ["late"], ["late"]]
    assert_succeeded(first)
    assert_succeeded(late)


def test_everything_but_the_size_is_free_within_a_batch(engine, model):
    jobs = [
        engine.submit(ask("a", 2, guidance_scale=0, seed=1)),
        engine.submit(ask("b", 4, guidance_scale=7.5, seed=2, negative_prompt="")),
        engine.submit(ask("c", 3, guidance_scale=1, seed=3, negative_prompt="fog")),
    ]
    finish(engine)
    assert model.batches == [["a", "b", "c"], ["a", "b", "c"], ["b", "c"], ["b"]]
    for job in jobs:
        assert_succeeded(job)


def test_sizes_take_turns(engine, model):
    wide, high = {"width": 128, "height": 64}, {"width": 64, "height": 128}
    sizes = {"a": {}, "wide": wide, "high": high, "b": {}, "wide too": wide}
    for prompt, size in sizes.items():
        engine.submit(ask(prompt, 2, **size))
    finish(engine)
    assert model.batches == [["a", "b"], ["wide", "wide too"], ["high"]] * 2


def test_a_stream_of_one_size_does_not_starve_another(engine):
    other = engine.submit(ask("other", 4, width=128))
    for arrival in range(8):
        engine.submit(ask(f"{arrival}", 3))
        engine.step()
    assert_succeeded(other)


def test_no_size_waits_for_more_steps_than_there_are_other_sizes(engine, model):
    rng = random.Random(5)
    jobs, waited = {}, {}
    for arrival in range(200):
        if rng.random() < 0.5:
            size = rng.choice([16, 24, 32])
            request = ask(f"{arrival}", rng.randint(1, 5), width=size)
            jobs[request.prompt] = engine.submit(request)
        engine.step()
        moved = set(model.batches.pop()) if model.batches else set()
        running = {prompt for prompt, job in jobs.items() if job.status == "running"}
        waited = {prompt: waited.get(prompt, 0) + 1 for prompt in running - moved}
        assert all(steps <= 2 for steps in waited.values())


def test_no_more_samples_are_in_flight_than_max_batch_size(model):
    engine = Engine(model, max_batch_size=2)
    jobs = [engine.submit(ask(prompt, 2)) for prompt in "abcde"]
    finish(engine)
    assert model.batches == [["a", "b"]] * 2 + [["c", "d"]] * 2 + [["e"]] * 2
    for job in jobs:
        assert_succeeded(job)


def test_max_batch_size_counts_samples_of_all_sizes(model):
    engine = Engine(model, max_batch_size=2)
    for prompt, width in [("a", 64), ("b", 128), ("c", 64)]:
        engine.submit(ask(prompt, 2, width=width))
    engine.step()
    assert (engine.stats().running, engine.stats().waiting) == (2, 1)


def test_who_came_first_is_admitted_first(model):
    engine = Engine(model, max_batch_size=2)
    for prompt, steps in [("a", 3), ("b", 1), ("c", 1), ("d", 1)]:
        engine.submit(ask(prompt, steps))
    finish(engine)
    assert model.batches == [["a", "b"], ["a", "c"], ["a", "d"]]


# Cancelling.


def test_a_cancelled_job_is_gone_before_the_next_step_and_its_slot_is_free(model):
    engine = Engine(model, max_batch_size=2)
    job, neighbour, waiting = (engine.submit(ask(prompt)) for prompt in "abc")
    engine.step()
    job.cancel()
    engine.step()
    assert model.batches == [["a", "b"], ["b", "c"]]
    finish(engine)
    assert job.events[-2:] == (Progress(1, 4), Cancelled())
    assert_succeeded(neighbour)
    assert_succeeded(waiting)


def test_a_job_cancelled_while_it_waits_is_never_prepared(model):
    engine = Engine(model, max_batch_size=1)
    prepared = []
    model.on_stage = lambda stage, prompt: stage == "prepare" and prepared.append(prompt)
    _, cancelled, last = (engine.submit(ask(prompt, 1)) for prompt in "abc")
    cancelled.cancel()
    assert engine.stats().waiting == 2
    finish(engine)
    assert prepared == ["a", "c"]
    assert cancelled.events == (Queued(cancelled.request), Cancelled())
    assert_succeeded(last)


def test_a_job_cancelled_while_it_or_another_is_prepared_makes_no_step(model):
    engine = Engine(model, max_batch_size=3)
    running = engine.submit(ask("running"))
    engine.step()
    itself, stays, third = (engine.submit(ask(prompt)) for prompt in ["itself", "stays", "third"])

    def cancel(stage, prompt):
        if (stage, prompt) == ("prepare", "itself"):
            itself.cancel()
            running.cancel()

    model.on_stage = cancel
    engine.step()
    assert model.batches == [["running"], ["stays", "third"]]
    finish(engine)
    assert steps_made(itself) == []
    assert steps_made(running) == [0, 1]
    assert_succeeded(stays)
    assert_succeeded(third)


def test_a_job_cancelled_in_its_last_forward_is_not_decoded(engine, model):
    job, neighbour = engine.submit(ask("a", 1)), engine.submit(ask("b", 1))
    decoded = []

    def cancel(stage, prompt):
        if stage == "denoise":
            job.cancel()
        if stage == "decode":
            decoded.append(prompt)

    model.on_stage = cancel
    finish(engine)
    assert decoded == ["b"]
    assert job.events == (Queued(job.request), Progress(0, 1), Cancelled())
    assert_succeeded(neighbour)


def test_a_job_cancelled_while_it_is_decoded_stays_cancelled(engine, model):
    job = engine.submit(ask("a", 1))
    model.on_stage = lambda stage, prompt: stage == "decode" and job.cancel()
    finish(engine)
    assert job.outcome == Cancelled()
    assert engine.stats().total_images == 0


def test_a_job_cancelled_before_its_model_fails_counts_as_no_failure(engine, model):
    job = engine.submit(ask("fails in prepare"))
    model.on_stage = lambda stage, prompt: job.cancel()
    finish(engine)
    assert job.outcome == Cancelled()
    assert engine.stats().total_failures == 0


# Places in the queue.


def test_as_many_jobs_as_max_jobs_are_taken_and_one_more_is_not(model):
    engine = Engine(model, max_batch_size=1, max_jobs=3)
    engine.reserve()
    engine.submit(ask("a"))
    engine.submit(ask("b"))
    for refused in (engine.reserve, lambda: engine.submit(ask("c"))):
        with pytest.raises(QueueFull):
            refused()
    assert engine.stats().jobs == 3
    assert engine.stats().waiting == 2


def test_a_reserved_job_has_its_place_already(model):
    engine = Engine(model, max_jobs=1)
    job = engine.reserve()
    assert engine.submit(ask("a"), job) is job
    finish(engine)
    assert job.events[0] == Queued(job.request)
    assert_succeeded(job)


@pytest.mark.parametrize("outcome", [Failed("There is no caption."), Cancelled()])
def test_a_reserved_job_that_ends_before_it_is_submitted_frees_its_place(model, outcome):
    engine = Engine(model, max_jobs=1)
    job = engine.reserve()
    job.publish(outcome)
    assert engine.stats().jobs == 0
    assert engine.reserve() is not job


def test_to_submit_a_reserved_job_that_has_ended_is_harmless(engine, model):
    job = engine.reserve()
    job.cancel()
    assert engine.submit(ask("a"), job) is job
    finish(engine)
    assert job.events == (Cancelled(),)
    assert model.batches == []


def test_every_outcome_frees_the_place(model):
    engine = Engine(model, max_jobs=1)
    for prompt in ["good", *(f"fails in {stage}" for stage in STAGES), "good again"]:
        job = engine.submit(ask(prompt))
        finish(engine)
        assert job.is_finished
    job = engine.submit(ask("cancelled while it waits"))
    job.cancel()
    job = engine.submit(ask("cancelled while it runs"))
    engine.step()
    job.cancel()
    engine.reserve()


# Faults.


@pytest.mark.parametrize("index", [0, 1, 2])
@pytest.mark.parametrize(
    ("fault", "steps"),
    [
        ("fails in prepare", []),
        ("fails in denoise", [0]),
        ("fails in denoise at step 2", [0, 1, 2]),
        ("fails in scheduler", [0]),
        ("fails in scheduler at step 3", [0, 1, 2, 3]),
        ("fails in decode", [0, 1, 2, 3, 4]),
    ],
)
def test_only_the_culprit_fails(engine, model, fault, steps, index):
    prompts = ["a", "b"]
    prompts.insert(index, fault)
    jobs = {prompt: engine.submit(ask(prompt)) for prompt in prompts}
    finish(engine)
    culprit = jobs.pop(fault)
    assert culprit.outcome == Failed(MODEL_FAILED)
    assert steps_made(culprit) == steps
    for prompt, neighbour in jobs.items():
        assert_succeeded(neighbour)
        assert forwards(model)[prompt] == 4


def test_two_culprits_in_one_batch_both_fail_and_their_neighbour_does_not(engine, model):
    prompts = ["fails in denoise at step 1", "a", "fails in scheduler at step 1"]
    first, neighbour, second = (engine.submit(ask(prompt)) for prompt in prompts)
    finish(engine)
    assert first.outcome == second.outcome == Failed(MODEL_FAILED)
    assert_succeeded(neighbour)
    assert forwards(model)["a"] == 4


def test_a_batch_too_large_for_the_memory_is_halved_and_goes_on_from_the_same_step(engine, model):
    model.memory = 2
    jobs = [engine.submit(ask(prompt, 2)) for prompt in "abc"]
    engine.step()
    assert model.batches == [["a", "b"], ["c"]]
    finish(engine)
    for job in jobs:
        assert_succeeded(job)
    assert forwards(model) == {"a": 2, "b": 2, "c": 2}
    assert max(map(len, model.batches)) == 2


def test_a_forward_that_fits_is_not_tried_larger_at_once_but_later(engine, model):
    model.memory = 1
    jobs = [engine.submit(ask(prompt, 30)) for prompt in "ab"]
    engine.step()
    model.memory = 1000
    engine.step()
    assert model.batches[-1] == ["a"]
    finish(engine)
    assert ["b", "a"] in model.batches or ["a", "b"] in model.batches
    for job in jobs:
        assert_succeeded(job)


def test_what_does_not_fit_alone_fails_alone_and_says_so(engine, model):
    model.memory = 0
    job = engine.submit(ask("a"))
    engine.step()
    assert job.outcome == Failed(NO_ROOM.format(width=64, height=64))
    model.memory = 1000
    later = engine.submit(ask("b"))
    finish(engine)
    assert_succeeded(later)


@pytest.mark.parametrize("stage", STAGES)
def test_a_fault_is_logged_with_its_own_traceback_and_the_job_and_not_told(engine, caplog, stage):
    culprit = engine.submit(ask(f"fails in {stage}"))
    engine.submit(ask("neighbour"))
    finish(engine)
    assert f"job {culprit.id} failed in {stage}" in caplog.messages
    tracebacks = {str(record.exc_info[1]) for record in caplog.records if record.exc_info}
    assert tracebacks == {f"'fails in {stage}' fails in {stage}"}
    assert culprit.outcome == Failed(MODEL_FAILED)


def test_the_engine_goes_on_after_faults(engine):
    for stage in STAGES:
        engine.submit(ask(f"fails in {stage}"))
    finish(engine)
    job = engine.submit(ask("a"))
    finish(engine)
    assert_succeeded(job)


# The end.


def test_close_fails_everything_that_is_left(model):
    engine = Engine(model, max_batch_size=2)
    done, running, waiting = (engine.submit(ask(*asked)) for asked in [("a", 1), ("b",), ("c",)])
    reserved = engine.reserve()
    cancelled = engine.submit(ask("d"))
    engine.step()
    cancelled.cancel()
    engine.close()
    assert running.outcome == waiting.outcome == reserved.outcome == Failed(STOPPING, stopped=True)
    assert isinstance(done.outcome, Succeeded)
    assert cancelled.outcome == Cancelled()
    stats = engine.stats()
    assert (stats.jobs, stats.waiting, stats.running) == (0, 0, 0)
    engine.close()


def test_a_closed_engine_takes_nothing(engine, model):
    reserved = engine.reserve()
    engine.close()
    for refused in (
        engine.reserve,
        lambda: engine.submit(ask("a")),
        lambda: engine.submit(ask("b"), reserved),
    ):
        with pytest.raises(EngineClosed, match=STOPPING):
            refused()
    assert reserved.events == (Failed(STOPPING, stopped=True),)
    engine.run()
    assert model.batches == []


def test_a_closed_engine_is_closed_even_when_it_was_full(model):
    engine = Engine(model, max_jobs=1)
    engine.reserve()
    engine.close()
    with pytest.raises(EngineClosed):
        engine.reserve()


def test_run_ends_after_the_step_in_which_the_engine_is_closed(engine, model):
    job, reserved = engine.submit(ask("a", 1)), engine.reserve()
    model.on_stage = lambda stage, prompt: stage == "denoise" and engine.close()
    engine.run()
    assert model.batches == [["a"]]
    assert job.events == (Queued(job.request), Progress(0, 1), Failed(STOPPING, stopped=True))
    assert reserved.outcome == Failed(STOPPING, stopped=True)


@pytest.mark.parametrize("stage", STAGES)
def test_nobody_is_left_waiting_when_the_engine_dies(model, stage):
    engine = Engine(model, max_batch_size=2)
    jobs = [engine.submit(ask(prompt, 2)) for prompt in "abc"]
    jobs.append(engine.reserve())

    def die(at, prompt):
        if (at, prompt) == (stage, "b"):
            raise Death

    model.on_stage = die
    with pytest.raises(Death):
        engine.run()
    assert [job.outcome for job in jobs[1:]] == [Failed(STOPPING, stopped=True)] * 3
    assert jobs[0].is_finished
    with pytest.raises(EngineClosed):
        engine.reserve()


def test_close_waits_for_the_step_in_progress_and_not_for_the_jobs(model):
    engine = Engine(model, max_jobs=1)
    closer = threading.Thread(target=engine.close)

    def close(stage, prompt):
        if stage == "denoise" and closer.ident is None:
            closer.start()
            while not is_closed(engine):
                pass

    model.on_stage = close
    job = engine.submit(ask("a", 50))
    engine.start()
    assert job.wait(SECONDS) == Failed(STOPPING, stopped=True)
    closer.join(SECONDS)
    assert model.batches == [["a"]]
    assert not engine.is_alive


def test_the_engine_works_on_a_thread_of_its_own_until_closed(model):
    engine = Engine(model, max_batch_size=2)
    assert not engine.is_alive
    engine.start()
    try:
        assert engine.is_alive
        jobs = [engine.submit(ask(prompt)) for prompt in "abc"]
        for job in jobs:
            assert isinstance(job.wait(SECONDS), Succeeded)
        reserved = engine.reserve()
    finally:
        engine.close()
    assert not engine.is_alive
    assert reserved.outcome == Failed(STOPPING, stopped=True)


# Loading.


def test_requests_wait_for_the_model_to_be_loaded(model):
    engine, may_load = Engine(info=model.info), threading.Event()
    engine.start(load=lambda: model if may_load.wait(SECONDS) else None)
    try:
        job = engine.submit(ask("a", 1))
        assert engine.is_alive
        assert not engine.is_ready
        may_load.set()
        assert isinstance(job.wait(SECONDS), Succeeded)
        assert engine.is_ready
    finally:
        engine.close()
    assert not engine.is_ready


def test_a_model_that_cannot_be_loaded_fails_who_waits_and_who_comes(model, caplog):
    engine, told = Engine(info=model.info), threading.Event()
    may_fail = threading.Event()

    def load() -> None:
        may_fail.wait(SECONDS)
        raise RuntimeError("a tensor of another shape")

    engine.start(load, on_failure=told.set)
    job = engine.submit(ask("a"))
    may_fail.set()
    sentence = "The generator could not be loaded: the server's log says why."
    assert job.wait(SECONDS) == Failed(sentence, stopped=True)
    assert told.wait(SECONDS)
    with pytest.raises(EngineClosed, match="could not be loaded"):
        engine.reserve()
    engine.close()
    assert not engine.is_alive
    assert "a tensor of another shape" in caplog.text


def test_an_engine_that_is_ended_tells_who_waits_and_who_comes_and_waits_for_nobody(model):
    engine, may_load = Engine(info=model.info), threading.Event()
    engine.start(load=lambda: model if may_load.wait(SECONDS) else None)
    job = engine.submit(ask("a"))
    engine.end("The other one is broken.")
    assert job.outcome == Failed("The other one is broken.", stopped=True)
    with pytest.raises(EngineClosed, match="The other one is broken"):
        engine.reserve()
    may_load.set()
    engine.close()
    assert model.batches == []


# Numbers.


def test_stats_count_what_is_there_and_what_was(model):
    engine = Engine(model, max_batch_size=2)
    assert engine.stats() == EngineStats(0, 0, 0, 0, 0, 0, 0)
    engine.submit(ask("a", 1))
    engine.submit(ask("fails in decode", 2))
    engine.submit(ask("c", 2))
    engine.reserve()
    assert engine.stats() == EngineStats(4, 3, 0, 0, 0, 0, 0)
    engine.step()
    assert engine.stats() == EngineStats(
        jobs=3,
        waiting=1,
        running=1,
        last_batch_size=2,
        total_steps=2,
        total_images=1,
        total_failures=0,
    )
    engine.step()
    assert engine.stats() == EngineStats(2, 0, 1, 2, 4, 1, 1)
    engine.step()
    assert engine.stats() == EngineStats(1, 0, 0, 1, 5, 2, 1)


def test_stats_are_right_as_soon_as_the_outcome_is_there(engine):
    """Whoever has waited for a job finds its place, its turn and its sample free."""
    job, seen = engine.submit(ask("a", 1)), []
    job.when_finished(lambda: seen.append(engine.stats()))
    finish(engine)
    assert [(stats.jobs, stats.waiting, stats.running) for stats in seen] == [(0, 0, 0)]


# Everything at once.


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
        self.decoded = Counter()
        self.gone = set()
        self.disturbed = set()

    def on_stage(self, stage, prompt):
        if prompt in self.gone:
            self.disturbed.add(prompt)
        self.decoded[prompt] += stage == "decode"
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
        return ask(prompt, steps, width=self.rng.choice([16, 24, 32]))

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
            self.reserved.append(self.engine.reserve())

    def end_reserved(self):
        if self.reserved:
            self.rng.choice(self.reserved).publish(Failed("There is no caption."))

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
                assert story.decoded[prompt] == 1
                assert job.outcome.image.size == (job.request.width, job.request.height)
            if job.outcome == Failed(MODEL_FAILED):
                assert "fails in" in prompt
            if job.outcome == Failed(STOPPING, stopped=True):
                assert ending == "close"
        for batch in story.model.batches:
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
