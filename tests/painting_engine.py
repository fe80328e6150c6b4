"""What the tests of the generator's engine ask of it, and how they drive it."""

import itertools
from collections import Counter

from fakes import FAKE_INFO

from generator.job import Progress, Succeeded
from generator.queue import QueueFull
from models_cache.runtime.model_thread import EngineClosed

STAGES = ["prepare", "denoise", "scheduler", "decode"]
SECONDS = 10


class Death(BaseException):
    """What no engine survives, as when the interpreter is told to go."""


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
