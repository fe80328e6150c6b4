"""How the process ends if a model does: the exit code tells the supervisor what to do."""

import threading
import time
from types import SimpleNamespace

import pytest
from fakes import FAKE_INFO, FakeBlip, FakeSDXL
from tiny_server import join_pool_threads

import captioner.engine
import generator.engine
from generator.job import Failed
from models_cache.runtime.model_thread import DEVICE_LOST, STOPPING, DeviceLost
from webapp import __main__ as main
from webapp import create_app
from webapp.__main__ import NOT_LOADED, _run
from webapp.job_store import JobStore
from webapp.limits import Limits
from webapp.server import Server, bind
from webapp.services import Services
from webapp.settings import Settings
from webapp.watchdog import HUNG

pytestmark = pytest.mark.tiny

OF_THE_GENERATOR = "The generator could not be loaded: the server's log says why."


def break_down(*_):
    raise RuntimeError("a tensor of another shape")


def lose(*_):
    raise DeviceLost("CUDA error: uncorrectable ECC error")


def broken_at_load():
    return SimpleNamespace(load_captioner=FakeBlip, load_generator=break_down)


def lost_while_loading():
    return SimpleNamespace(load_captioner=FakeBlip, load_generator=lose)


def lost_while_painting():
    return SimpleNamespace(load_captioner=FakeBlip, load_generator=lambda: FakeSDXL(on_stage=lose))


def dying(*_):
    raise SystemExit("a fault of ours")


def dies_while_painting():
    return SimpleNamespace(load_captioner=FakeBlip, load_generator=lambda: FakeSDXL(on_stage=dying))


def hangs_while_painting():
    """Until the server has ended."""
    gate = threading.Event()

    def hang(*_):
        gate.wait()

    painter = FakeSDXL(on_stage=hang)
    return SimpleNamespace(load_captioner=FakeBlip, load_generator=lambda: painter, gate=gate)


@pytest.mark.parametrize(
    ("models", "code", "sentence"),
    [
        (broken_at_load, 1, NOT_LOADED),
        (lost_while_loading, 4, DEVICE_LOST),
        (lost_while_painting, 4, DEVICE_LOST),
        (dies_while_painting, 5, STOPPING),
        (hangs_while_painting, 6, HUNG),
    ],
)
def test_the_exit_code_says_whether_a_model_the_gpu_or_an_engine_has_failed(models, code, sentence):
    services = Services(
        captioner.engine.Engine(), generator.engine.Engine(info=FAKE_INFO), JobStore()
    )
    server = Server(create_app(Settings(), services), bind("127.0.0.1", [0]), Limits(threads=2))
    job = services.generator.submit(FAKE_INFO.request("a house"))
    pair = models()
    assert _run(server, services, pair, step_seconds=1 if code == 6 else 60) == code
    assert not services.are_alive
    outcome = job.wait(0)
    assert isinstance(outcome, Failed)
    assert outcome.stopped
    assert outcome.error in (
        sentence,
        OF_THE_GENERATOR,
    )
    if hasattr(pair, "gate"):
        pair.gate.set()
    for engine in (services.captioner, services.generator):
        engine.close()
        assert not engine.is_alive
    join_pool_threads()


class Trying(FakeSDXL):
    """In the middle of a trial that does not end, until it is told to."""

    def __init__(self):
        super().__init__()
        self.begun, self.gate, self.abandoned = threading.Event(), threading.Event(), []
        self.fast_path = SimpleNamespace(
            name="",
            has_more=True,
            has_trial=True,
            verdicts=(),
            abandon=lambda: self.abandoned.append(True),
        )

    def improve(self):
        self.begun.set()
        self.gate.wait(60)


@pytest.mark.parametrize("signals", [1, 2])
def test_a_stop_waits_for_a_trial_as_long_as_nobody_asks_again(signals, monkeypatch):
    monkeypatch.setattr(main, "LAST_STEP_SECONDS", 1.0 if signals == 1 else 60.0)
    painter = Trying()
    pair = SimpleNamespace(load_captioner=FakeBlip, load_generator=lambda: painter)
    services = Services(
        captioner.engine.Engine(), generator.engine.Engine(info=FAKE_INFO), JobStore()
    )
    server = Server(create_app(Settings(), services), bind("127.0.0.1", [0]), Limits(threads=2))

    def press():
        assert painter.begun.wait(10)
        for _ in range(signals):
            server.stop()
            time.sleep(0.3)

    thread = threading.Thread(target=press)
    thread.start()
    began = time.monotonic()
    assert _run(server, services, pair, step_seconds=60) == 0
    assert time.monotonic() - began < 20
    assert painter.abandoned == [True]
    thread.join()
    painter.gate.set()
    services.generator.close()
    join_pool_threads()
