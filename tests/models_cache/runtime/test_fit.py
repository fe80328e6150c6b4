"""What fits is worked out before anything is loaded, and said in words."""

import pytest

from models_cache.flags import Memory
from models_cache.runtime.gpu_fit import MAX_BATCH_SIZE, RESERVE_BYTES, Fit, Needs

GB = 10**9
SDXL = Needs(
    stay={"UNet": 5_135_000_000, "VAE": 167_000_000},
    come={"captioner": 940_000_000, "text encoders": 1_635_000_000},
    step=1_500_000_000,
    decode=670_000_000,
)
RESIDENT = 5_135_000_000 + 167_000_000 + 940_000_000 + 1_635_000_000 + 1_500_000_000
OFFLOAD = 5_135_000_000 + 167_000_000 + 1_635_000_000


def test_everything_is_counted():
    assert SDXL.total(Memory.RESIDENT) == RESIDENT + RESERVE_BYTES
    assert SDXL.total(Memory.OFFLOAD) == OFFLOAD + RESERVE_BYTES


@pytest.mark.parametrize(
    ("asked", "free", "memory"),
    [
        (Memory.AUTO, 24 * GB, Memory.RESIDENT),
        (Memory.AUTO, RESIDENT + RESERVE_BYTES, Memory.RESIDENT),
        (Memory.AUTO, RESIDENT + RESERVE_BYTES - 1, Memory.OFFLOAD),
        (Memory.AUTO, 2 * GB, Memory.OFFLOAD),
        (Memory.RESIDENT, 8 * GB, Memory.RESIDENT),
        (Memory.OFFLOAD, 24 * GB, Memory.OFFLOAD),
    ],
)
def test_auto_is_resident_if_that_fits_and_what_is_asked_for_goes_before(asked, free, memory):
    assert Fit.of(asked, SDXL, free).memory is memory


def test_as_many_images_are_denoised_together_as_there_is_room_for():
    exactly_one = SDXL.total(Memory.RESIDENT)
    batches = [
        Fit.of(Memory.AUTO, SDXL, exactly_one + more).max_batch_size
        for more in (0, SDXL.step - 1, SDXL.step, 2 * SDXL.step, 100 * SDXL.step)
    ]
    assert batches == [1, 1, 2, 3, MAX_BATCH_SIZE]
    assert Fit.of(Memory.RESIDENT, SDXL, GB).max_batch_size == 1


def test_the_arithmetic_is_told():
    assert Fit.of(Memory.AUTO, SDXL, 12 * GB).arithmetic == (
        "Memory: resident. UNet 5.1 GB + VAE 167.0 MB + captioner 940.0 MB + text encoders 1.6 GB"
        " + work 1.5 GB + reserve 600.0 MB = 10.0 GB; 12.0 GB are free."
    )
    assert Fit.of(Memory.AUTO, SDXL, 7 * GB).arithmetic == (
        "Memory: offload. UNet 5.1 GB + VAE 167.0 MB + reserve 600.0 MB + the largest of"
        " (captioner 940.0 MB, text encoders 1.6 GB, work 1.5 GB) = 7.5 GB; Only 7.0 GB are free:"
        " it may not fit."
    ).replace("; Only", "; only")


def test_one_model_alone_is_planned_for_too():
    captioner = Needs(stay={}, come={"captioner": GB}, step=0, decode=0)
    alone = Fit.of(Memory.AUTO, captioner, 2 * GB)
    assert (alone.memory, alone.max_batch_size) == (Memory.RESIDENT, MAX_BATCH_SIZE)
