"""A fake SDXL, and an engine over it that tests step by hand."""

import pytest
from fakes import FakeSDXL

from generator.engine import Engine


@pytest.fixture
def model():
    return FakeSDXL()


@pytest.fixture
def engine(model):
    return Engine(model)
