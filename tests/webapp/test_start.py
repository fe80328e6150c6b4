"""What one start with the demo models passes through."""

import gc
import sys
import threading
from pathlib import Path
from types import CodeType, FrameType

import pytest

from models_cache.catalog import Family
from models_cache.flags import Memory, Models
from webapp.__main__ import make_services
from webapp.models import ModelPair
from webapp.settings import Settings

pytestmark = [pytest.mark.demo, pytest.mark.slow]

ROOT = Path(__file__).parents[2]
PACKAGES = ("captioner", "generator", "models_cache", "webapp")
MOST_FUNCTIONS = 149


class Walk:
    """Our functions that were entered, lambdas and comprehensions left out, until models are warm.

    ``ModelThread.run`` begins when its model is warm: after that the thread is not followed.
    """

    def __init__(self) -> None:
        self.functions: set[str] = set()
        self.known: set[CodeType] = set()
        self.warm: set[threading.Thread] = set()

    def __call__(self, frame: FrameType, event: str, argument: object) -> None:
        code = frame.f_code
        if event == "call" and code not in self.known:
            self.enter(code)

    def enter(self, code: CodeType) -> None:
        thread = threading.current_thread()
        if code.co_qualname == "ModelThread.run":
            self.warm.add(thread)
        elif thread not in self.warm:
            self.known.add(code)
            file = Path(code.co_filename)
            is_ours = any(file.is_relative_to(ROOT / package) for package in PACKAGES)
            if is_ours and not code.co_name.startswith("<"):
                self.functions.add(f"{file.relative_to(ROOT)} {code.co_qualname}")


def test_one_start_passes_through_few_functions(capfd):
    walk, settings, failed = Walk(), Settings(), threading.Event()
    gc.collect()  # what earlier tests left closes now: a closed generator counts as a call
    threading.setprofile(walk)
    sys.setprofile(walk)
    try:
        names = dict.fromkeys(Family)
        models = ModelPair.choose(Models.DEMO, names, "cpu", Memory.AUTO)
        services = make_services(settings, models)
        services.captioner.start(models.load_captioner, failed.set)
        services.generator.start(models.load_generator, failed.set)
    finally:
        sys.setprofile(None)  # what waits for the threads is not counted
    services.captioner.close()
    services.generator.close()
    threading.setprofile(None)
    assert not failed.is_set()
    assert capfd.readouterr().err.count(" is warm on cpu after ") == 2
    assert {"generator/sdxl.py SDXL.decode", "captioner/blip.py Blip.load"} <= walk.functions
    listed = "\n".join(sorted(walk.functions))
    assert len(walk.functions) <= MOST_FUNCTIONS, f"{len(walk.functions)}:\n{listed}"
