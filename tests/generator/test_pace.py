"""When a full queue says to come back, there is a place."""

import pytest
from fakes import FakeSDXL

from generator.engine import Engine
from generator.pace import MOST_SECONDS, UNKNOWN_SECONDS, Pace, turns_until_one_ends
from generator.queue import QueueFull
from generator.request import GenerationRequest

DEFAULT_STEPS = FakeSDXL().info.num_inference_steps


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


class Timed(FakeSDXL):
    """Each forward takes a while; so does each decode, which is no step."""

    def __init__(self, seconds_a_forward, seconds_a_decode=0.0, **options):
        super().__init__(**options)
        self.clock = Clock()
        self.seconds_a_forward, self.seconds_a_decode = seconds_a_forward, seconds_a_decode

    def denoise(self, samples):
        self.clock.now += self.seconds_a_forward
        return super().denoise(samples)

    def decode(self, samples):
        self.clock.now += self.seconds_a_decode
        return super().decode(samples)


def ask(steps=DEFAULT_STEPS, size=64):
    return GenerationRequest("x", size, size, steps, 5.0, 1)


def engine_of(model, **options):
    return Engine(model, clock=model.clock, **options)


def warm(engine):
    """Measured: one image was made, and nothing is left of it."""
    engine.submit(ask(1))
    engine.step()


def retry_after(engine):
    """What a full queue says; ``max_jobs`` is what it holds already."""
    engine.max_jobs = engine.stats().jobs
    with pytest.raises(QueueFull) as caught:
        engine.reserve()
    return caught.value.retry_after_seconds


def seconds_until_a_place_is_free(engine):
    before, began = engine.stats().jobs, engine.model.clock.now
    while engine.stats().jobs == before:
        engine.step()
    return engine.model.clock.now - began


LINES = {
    "one": [(7, 64)],
    "the shortest ends first": [(20, 64), (5, 64), (9, 64)],
    "more than a batch": [(20, 64)] * 3 + [(1, 64)],
    "two sizes take turns": [(6, 64), (6, 32)],
    "three sizes take turns": [(6, 64), (6, 32), (4, 16)],
}


@pytest.mark.parametrize("line", LINES.values(), ids=LINES)
@pytest.mark.parametrize("steps_done", [0, 1, 3])
def test_it_is_the_time_until_the_first_of_them_ends(line, steps_done):
    engine = engine_of(Timed(3), max_batch_size=3)
    warm(engine)
    for steps, size in line:
        engine.submit(ask(steps, size))
    for _ in range(steps_done):
        engine.step()
    said = retry_after(engine)
    taken = seconds_until_a_place_is_free(engine)
    assert taken <= said <= taken + 3 * (len({size for _, size in line}) - 1)


def test_samples_that_share_no_forward_wait_for_one_another():
    engine = engine_of(Timed(3))
    warm(engine)
    for _ in range(4):
        engine.submit(ask(4))
    engine._forward_limit.ran_out(2)  # of memory: one at a time
    said = retry_after(engine)
    taken = seconds_until_a_place_is_free(engine)
    assert taken == 3 * (4 * 3 + 1)
    assert taken <= said <= taken + 3 * 3


@pytest.mark.parametrize(
    ("seconds", "said"), [(0.001, 1), (0.3, 2), (1, 4), (2.1, 9), (9999, 3600)]
)
def test_it_is_in_whole_seconds_and_bounded(seconds, said):
    engine = engine_of(Timed(seconds))
    warm(engine)
    engine.submit(ask(4))
    assert retry_after(engine) == said
    unit = "second" if said == 1 else "seconds"
    with pytest.raises(QueueFull, match=f"^The queue is full: try again in {said} {unit}\\.$"):
        engine.reserve()


def test_while_all_wait_for_captions_it_is_the_time_of_a_usual_image():
    engine = engine_of(Timed(5))
    warm(engine)
    engine.reserve()
    assert retry_after(engine) == 5 * DEFAULT_STEPS


def test_before_anything_was_measured_it_is_a_guess():
    engine = engine_of(Timed(5))
    engine.submit(ask(50))
    assert retry_after(engine) == UNKNOWN_SECONDS


def test_idle_turns_are_not_measured():
    engine = engine_of(Timed(5))
    engine.step()
    engine.reserve()
    assert retry_after(engine) == UNKNOWN_SECONDS


def test_the_turns_of_late_count_for_more_than_those_of_long_ago():
    pace = Pace()
    for seconds in [100.0] * 50 + [1.0] * 50:
        pace.took(seconds)
    assert pace.seconds_until_one_ends([((64, 64), 1)], 8) == 2  # a hair more than 1
    pace.took(5.0)
    assert pace.seconds_until_one_ends([((64, 64), 1)], 8) == 2  # one slow turn is no trend


def test_what_takes_hours_is_told_as_one():
    pace = Pace()
    pace.took(3600.0)
    assert pace.seconds_until_one_ends([((64, 64), 50)], 8) == MOST_SECONDS


@pytest.mark.parametrize(
    ("sizes", "samples_a_turn", "turns"),
    [("a", 8, 5), ("aaa", 8, 5), ("aaa", 2, 10), ("aaa", 1, 15), ("ab", 8, 10), ("aabb", 1, 20)],
)
def test_a_round_has_as_many_turns_as_batches(sizes, samples_a_turn, turns):
    in_flight = [((64, ord(size)), 5) for size in sizes]
    assert turns_until_one_ends(in_flight, samples_a_turn) == turns
