"""What the tests of the captioner's engine ask of it."""

from fakes import FakeBlip
from PIL import Image

from captioner.request import CaptionRequest
from models_cache.runtime.model_thread import EngineClosed

SECONDS = 10


class Death(BaseException):
    """What no engine survives, as when the interpreter is told to go."""


def picture(width, **parameters):
    return CaptionRequest(Image.new("RGB", (width, 8)), **parameters)


def poisoned(width):
    return CaptionRequest(Image.new("RGB", (width, 8), FakeBlip.poison))


def captions(futures):
    return [future.result(0) for future in futures]


def is_closed(engine):
    try:
        engine.submit(picture(8)).cancel()
    except EngineClosed:
        return True
    return False
