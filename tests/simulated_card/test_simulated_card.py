"""What a GPU would refuse or wait for, seen on a machine without one."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

pytestmark = [pytest.mark.simulated_card, pytest.mark.slow]

# In two processes, side by side.
CONFIGURATIONS = (("resident",), ("offload", "second card", "no bfloat16"))

Seen = dict[str, Any]


@pytest.fixture(scope="session")
def visits(on_card: Callable[..., dict[str, Seen]]) -> dict[str, Seen]:
    """What was seen, by the configuration's name."""
    with ThreadPoolExecutor(len(CONFIGURATIONS)) as pool:
        parts = pool.map(lambda names: on_card("simulated_card.visit", *names), CONFIGURATIONS)
        return {name: seen for part in parts for name, seen in part.items()}


@pytest.fixture(params=[name for names in CONFIGURATIONS for name in names])
def seen(visits: dict[str, Seen], request: pytest.FixtureRequest) -> Seen:
    return {"name": request.param, **visits[request.param]}


def waits(seen: dict[str, Any], part: str) -> int:
    return sum(seen[part]["waits"].values())


def test_the_whole_job_is_done_where_it_was_asked_for(seen):
    assert seen["device"] == ("cuda:1" if seen["name"] == "second card" else "cuda:0")


def test_the_vae_has_the_precision_that_the_card_has(seen):
    lacks_bfloat16 = seen["name"] == "no bfloat16"
    assert seen["vae"] == ("torch.float32" if lacks_bfloat16 else "torch.bfloat16")


def test_the_host_waits_for_no_step_and_seldom_else(seen):
    assert seen["denoise"]["waits"] == {}
    assert waits(seen, "prepare") == 3  # one for each sample's scheduler
    assert waits(seen, "decode") == 2  # whether it is finite, and the pixels
    assert waits(seen, "preview") == 2


def test_what_is_painted_there_is_what_was_asked_for(visits):
    assert visits["resident"]["said"] == "a red house by the sea"


def test_where_memory_is_short_batches_shrink_and_all_succeed(visits):
    outcome = visits["resident"]["short of memory"]
    assert outcome["statuses"] == ["succeeded"] * 4
    assert outcome["limit"] < 4


def test_a_planted_wait_is_seen(visits):
    planted = visits["resident"]["planted"]["wait"]
    assert planted["waits"] == {"item in job.py:waits": 3}
    assert planted["errors"] == []


def test_planted_rows_that_left_the_card_are_refused(visits):
    errors = visits["resident"]["planted"]["leave"]["errors"]
    assert len(errors) == 3
    for error in errors:
        assert "found at least two devices, cuda:0 and cpu!" in error


def test_a_planted_hoard_is_seen(visits):
    planted = visits["resident"]["planted"]
    assert planted["hoard"]["errors"] == []
    assert planted["hoard"]["allocations"] == planted["none"]["allocations"] + 3 * 2
