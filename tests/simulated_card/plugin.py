"""Has pytest run ``tests/gpu`` on a simulated card without values: ``-p simulated_card.plugin``."""

import gc
import os
import warnings
from collections.abc import Generator
from pathlib import Path

import pytest

from simulated_card.card import Card
from simulated_card.insertion import insert
from simulated_card.sizes import ONE, OTHERS, WARNING, WITHOUT
from simulated_card.tensors import SimulatedCard

CARD = Card(has_values=False)
insert(CARD, Path(os.environ["LOOKALIKE_GUARD"]))


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    sizes = OTHERS.get(metafunc.function.__name__, (ONE,))
    metafunc.fixturenames.append("gigabytes")
    metafunc.parametrize("gigabytes", sizes, ids=[f"{size} GB" for size in sizes])


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items[:] = [item for item in items if item.originalname not in WITHOUT]  # type: ignore[attr-defined]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None]:
    CARD.capacity = item.callspec.params["gigabytes"] * 10**9  # type: ignore[attr-defined]
    CARD.reset()
    gc.freeze()  # each test collects: what is here already need not be looked at again
    with SimulatedCard():
        warnings.warn(WARNING, stacklevel=1)
        return (yield)
