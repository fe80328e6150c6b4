"""``tests/gpu`` itself, at the published size, on cards of several sizes."""

import xml.etree.ElementTree as ElementTree

import pytest

from simulated_card.sizes import GIGABYTES, NO_MORE_ROOM, PLANNED, WARNING

pytestmark = [pytest.mark.simulated_card, pytest.mark.slow]


@pytest.fixture(scope="session")
def outcomes(gpu_tests) -> dict[str, str]:
    """Of each test "passed", or the tag in pytest's report, by its name with its parameters."""
    report, _ = gpu_tests
    return {
        case.attrib["name"]: next((part.tag for part in case if part.tag != "system-out"), "passed")
        for case in ElementTree.parse(report).iter("testcase")
    }


@pytest.mark.parametrize("gigabytes", GIGABYTES)
def test_what_is_planned_is_taken_and_not_much_more_is_planned(outcomes, gigabytes):
    assert outcomes[f"{PLANNED}[{gigabytes} GB]"] == "passed"


def test_what_is_planned_is_enough_and_a_card_with_less_is_not_asked(outcomes):
    assert outcomes[f"{NO_MORE_ROOM}[24 GB-resident]"] == "passed"
    assert outcomes[f"{NO_MORE_ROOM}[24 GB-offload]"] == "passed"
    assert outcomes[f"{NO_MORE_ROOM}[8 GB-offload]"] == "passed"
    assert outcomes[f"{NO_MORE_ROOM}[8 GB-resident]"] == "skipped"


def test_no_other_is_skipped_but_the_one_for_a_second_gpu(outcomes):
    others = {name: outcome for name, outcome in outcomes.items() if NO_MORE_ROOM not in name}
    left = [name for name, outcome in others.items() if outcome != "passed"]
    assert left == ["test_a_second_gpu_is_used_where_it_is_named[24 GB]"]
    assert len(others) == len(GIGABYTES) + 5


def test_a_warning_that_only_cuda_gives_fails_no_gpu_test_and_is_shown(gpu_tests):
    _, said = gpu_tests
    assert WARNING in said
