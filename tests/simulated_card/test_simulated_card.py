"""What a GPU would refuse or wait for, seen on a machine without one."""

import re
from typing import Any

import pytest

pytestmark = [pytest.mark.simulated_card, pytest.mark.slow]

# Bytes that an H200 took in tensors and workspaces, beside the weights (docs/benchmarks/h200.md).
MEASURED = {
    "one": 343_000_000,
    "decode": 2_552_000_000,
    "tiles": 645_000_000,
    "captions": 256_000_000,
}
# In each step, and on the host, as all noise.
DRAW_NOISE = ("EulerAncestralDiscreteScheduler", "LCMScheduler")
Seen = dict[str, Any]


def waits(seen: Seen, part: str) -> int:
    return sum(seen[part]["waits"].values())


@pytest.fixture(params=["resident", "offload on a second card without bfloat16"])
def full(seen: Seen, request: pytest.FixtureRequest) -> Seen:
    return {"name": request.param, **seen["full size"][request.param]}


def test_the_whole_job_is_done_where_it_was_asked_for_and_as_precisely_as_the_card_can(full):
    where = {"resident": ("cuda:0", "torch.bfloat16")}
    assert (full["device"], full["vae"]) == where.get(full["name"], ("cuda:1", "torch.float32"))


def test_the_host_waits_for_no_step_and_seldom_else(full):
    assert full["denoise"]["waits"] == {}
    assert full["prepare"]["waits"] == {
        "copy to card in pipeline_stable_diffusion_xl.py:encode_prompt": 2,  # tokens, all at once
        "copy to card in sdxl.py:_sample": 3,  # of each sample the timesteps,
        "copy to card in torch_utils.py:randn_tensor": 3,  # the noise
        "copy to card in sdxl.py:_add_time_ids": 3,  # and its size
    }
    assert waits(full, "decode") == 2  # whether it is finite, and the pixels
    assert waits(full, "preview") == 1


def test_one_forward_launches_as_much_for_three_images_as_for_one(full):
    """Some 2,000: the UNet's, and ten for each image's own scheduler."""
    assert 1_900 < full["one"]["launches"] < 2_100
    assert full["denoise"]["launches"] - full["one"]["launches"] < 50


def test_a_caption_in_fixed_caches_waits_only_to_look_whether_it_has_ended(full):
    """generate asks the device at each token, in several places."""
    plain, fixed = full["caption"]["waits"], full["caption in fixed caches"]["waits"]
    asks = [each for each in plain if re.match("item in (masking_)?utils.py", each)]
    assert len(asks) >= 4
    assert not set(asks) & set(fixed)
    assert fixed["item in decoding.py:generate"] <= 12 // 4  # tokens by tokens between looks


def test_as_many_rows_are_warmed_up_as_will_share_a_forward(full):
    assert full["warm"] == [2, 4, 6, 8]


@pytest.mark.parametrize("part", MEASURED)
def test_it_takes_the_memory_that_a_real_card_took(seen, part):
    taken = seen["full size"]["resident"][part]["peak"]
    assert taken == pytest.approx(MEASURED[part], rel=0.03)


def test_no_scheduler_waits_in_a_step_but_to_bring_noise(seen):
    assert len(seen["schedulers"]) == 6
    for name, steps in seen["schedulers"].items():
        noise = {"copy to card in torch_utils.py:randn_tensor": 2} if name in DRAW_NOISE else {}
        for step in ("first", "second", "third"):
            assert steps[step]["waits"] == noise, name


def test_wherever_memory_runs_out_at_most_one_image_fails_and_nothing_is_left(seen):
    shortage = seen["shortage"]
    assert len(shortage["trials"]) > 200
    for trial in shortage["trials"]:
        assert trial["images"] + len(trial["errors"]) == 2
        assert len(trial["errors"]) <= 1
        assert all("not enough free memory" in error for error in trial["errors"])
        assert trial["live"] == shortage["first"]["live"]
    assert shortage["first"]["images"] == shortage["last"]["images"] == 2


def test_a_forward_that_found_no_room_was_halved_and_gave_the_same_latents(seen):
    trials = seen["shortage"]["trials"]
    halved = [trial for trial in trials if trial["limit"] == 1]
    assert len(halved) > 100
    assert all(trial["images"] == 2 for trial in halved)
    # In fp16, and of latents of about 1.
    assert all(trial["off"] < 0.05 for trial in trials if trial["images"] == 2)


def test_a_decode_that_found_no_room_was_made_again_in_less(seen):
    """Or alone: only in a scheduler does want of room make an image fail."""
    trials = seen["shortage"]["trials"]
    decodes = [trial for trial in trials if trial["limit"] == 2]
    saved = [trial for trial in decodes if trial["images"] == 2]
    assert len(saved) > 0.75 * len(decodes)


def test_what_is_painted_there_is_what_was_asked_for(seen):
    assert seen["values"]["said"] == 2 * ["a red house by the sea"]


def test_on_a_card_a_trial_decides_on_the_layout(seen):
    assert not seen["values"]["is_channels_last"]


def test_with_something_faster_on_a_step_waits_for_the_one_before_alone(seen):
    """And not before its own forward is launched, so that the card always has work."""
    first, second, look = (seen["values"]["fast"][name] for name in ("first", "second", "look"))
    assert (first["waits"], second["waits"], look["waits"]) == ({}, {}, {})
    assert first["behind"] == []
    [second_behind], [look_behind] = second["behind"], look["behind"]
    assert look_behind < 0.2 * first["launches"] < 0.8 * first["launches"] < second_behind


def test_a_planted_wait_is_seen(seen):
    planted = seen["values"]["planted"]["wait"]
    assert planted["waits"] == {"item in values.py:waits": 3}
    assert planted["errors"] == []


def test_planted_rows_that_left_the_card_are_refused(seen):
    errors = seen["values"]["planted"]["leave"]["errors"]
    assert len(errors) == 3
    for error in errors:
        assert "found at least two devices, cuda:0 and cpu!" in error


def test_a_planted_hoard_is_seen(seen):
    planted = seen["values"]["planted"]
    assert planted["hoard"]["errors"] == []
    assert planted["hoard"]["allocations"] == planted["none"]["allocations"] + 3 * 2
