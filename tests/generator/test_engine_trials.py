"""While nothing is asked for, the engine lets its model become faster."""

from dataclasses import dataclass, field

import pytest
from fakes import FAKE_INFO, FakeSDXL

from generator.engine import TRIAL_SECONDS, Engine
from generator.job import Succeeded

REQUEST = FAKE_INFO.request("a house", num_inference_steps=2)


@dataclass
class FakePath:
    """Has ``left`` trials; one that is not ``ready`` is prepared elsewhere."""

    left: int = 2
    ready: bool = True
    name: str = ""
    verdicts: list[str] = field(default_factory=list)

    @property
    def has_more(self):
        return self.left > 0

    @property
    def has_trial(self):
        return self.left > 0 and self.ready


@dataclass
class ImprovingSDXL(FakeSDXL):
    fast_path: FakePath = field(default_factory=FakePath)

    def improve(self):
        if self.fast_path.has_trial:
            self.fast_path.left -= 1
            self.fast_path.verdicts.append("tried")
            self.fast_path.name = "graphs"


@pytest.fixture
def model():
    return ImprovingSDXL()


def test_a_step_without_jobs_tries_one_thing(engine, model):
    assert engine._has_work()
    engine.step()
    assert model.fast_path.left == 1
    engine.step()
    assert not engine._has_work()
    assert engine.fast_path.verdicts == ["tried", "tried"]


def test_jobs_go_first(engine, model):
    job = engine.submit(REQUEST)
    engine.step()
    engine.step()
    assert isinstance(job.outcome, Succeeded)
    assert model.fast_path.left == 2
    engine.step()
    assert model.fast_path.left == 1


def test_what_is_prepared_elsewhere_is_looked_for_now_and_then(engine, model):
    model.fast_path.ready = False
    assert not engine._has_work()
    assert engine._patience() == TRIAL_SECONDS
    engine.step()
    assert model.fast_path.left == 2
    model.fast_path.left = 0
    assert engine._patience() is None


def test_the_image_says_what_made_it_faster(engine, model):
    first = engine.submit(REQUEST)
    engine.step()
    engine.step()
    engine.step()
    second = engine.submit(REQUEST)
    engine.step()
    engine.step()
    assert [job.outcome.fast_path for job in (first, second)] == ["", "graphs"]


def test_a_model_without_a_fast_path_has_none():
    engine = Engine(FakeSDXL())
    assert engine.fast_path is None
    assert engine._patience() is None
    assert not engine._has_work()


def test_an_engine_without_its_model_yet_has_none():
    assert Engine(info=FAKE_INFO).fast_path is None
