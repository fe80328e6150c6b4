"""A fake BLIP, and an engine over it that tests step by hand."""

import pytest
from fakes import FakeBlip

from captioner.engine import Engine


@pytest.fixture
def model():
    return FakeBlip()


@pytest.fixture
def engine(model):
    return Engine(model)
