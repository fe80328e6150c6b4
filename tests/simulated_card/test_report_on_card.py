"""The parts of scripts/gpu_report that ask a card, on a simulated one."""

import pytest

from models_cache.runtime.gpu_fit import LIVE_COPIES

pytestmark = [pytest.mark.simulated_card, pytest.mark.slow]


def test_the_card_is_described(report):
    facts = report["facts"]
    assert facts["card"]["value"] == "a simulated card"
    assert facts["memory of the card"]["value"] == 10**6
    assert facts["taken by kernels at their first use"]["value"] == 0


def test_a_step_takes_more_for_more_rows(report):
    steps = [report["memory"][f"a step at 64x64, {rows} rows"] for rows in (2, 4, 8)]
    taken = [each["value"] for each in steps]
    assert 1.8 < taken[1] / taken[0] < 2.2
    assert 3.6 < taken[2] / taken[0] < 4.4
    assert steps[2]["planned"] == 4 * steps[0]["planned"]


def test_the_copies_that_a_decode_takes_are_counted_beside_those_that_are_planned(report):
    copies = report["memory"]["copies of the widest stage, in one piece"]
    assert copies["planned"] == LIVE_COPIES
    # Of the tiny VAE, whose stages differ less in width than those of the published one.
    assert copies["value"] == pytest.approx(6, abs=0.1)


def test_the_reserve_is_the_sum_of_its_parts(report):
    memory = report["memory"]
    parts = ("kernels", "held by the allocator and used by no tensor", "a batch of 8 captions")
    together = memory["these two, and a batch of captions"]["value"]
    assert together == pytest.approx(sum(memory[part]["value"] for part in parts))
