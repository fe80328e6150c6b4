"""The limit falls where memory runs out, and rises again slowly."""

from generator.forward_limit import FORWARDS_TO_TRUST, ForwardLimit


def test_at_first_everything_in_flight_shares_a_forward():
    assert ForwardLimit(8).samples == 8


def test_it_halves_down_to_one():
    limit = ForwardLimit(8)
    told = []
    for _ in range(5):
        limit.ran_out(limit.samples)
        told.append(limit.samples)
    assert told == [4, 2, 1, 1, 1]


def test_a_smaller_batch_than_the_limit_halves_itself():
    limit = ForwardLimit(8)
    limit.ran_out(3)
    assert limit.samples == 2


def test_it_doubles_after_enough_full_forwards_and_never_beyond_the_most():
    limit = ForwardLimit(6)
    limit.ran_out(6)
    for _ in range(FORWARDS_TO_TRUST - 1):
        limit.went_well(3)
    assert limit.samples == 3
    limit.went_well(3)
    assert limit.samples == 6
    for _ in range(5 * FORWARDS_TO_TRUST):
        limit.went_well(6)
    assert limit.samples == 6


def test_smaller_forwards_prove_nothing():
    limit = ForwardLimit(8)
    limit.ran_out(8)
    for _ in range(5 * FORWARDS_TO_TRUST):
        limit.went_well(3)
    assert limit.samples == 4


def test_running_out_again_begins_the_count_anew():
    limit = ForwardLimit(8)
    limit.ran_out(8)
    for _ in range(FORWARDS_TO_TRUST - 1):
        limit.went_well(4)
    limit.ran_out(8)
    limit.went_well(4)
    assert limit.samples == 4
