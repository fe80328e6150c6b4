"""The server gives back the memory that large photos took."""

import sys
from collections.abc import Iterator
from io import BytesIO
from random import Random

import pytest
from PIL import Image

from scripts.benchmarks import client
from scripts.benchmarks.server_process import Server, serving

pytestmark = [
    pytest.mark.demo,
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells what a process holds"),
]

MEGAPIXELS = (12, 15, 18, 23)
MOST_GROWTH = 150_000_000
NO_STEPS_WORTH_MENTIONING = {"num_inference_steps": 1}


def photo(megapixels: int) -> bytes:
    """As large as a camera's, and as hard to compress."""
    width = int((megapixels * 1_000_000 * 4 / 3) ** 0.5)
    size = width, width * 3 // 4
    grain = Random(megapixels).randbytes(3 * (size[0] // 8) * (size[1] // 8))
    small = Image.frombytes("RGB", (size[0] // 8, size[1] // 8), grain)
    file = BytesIO()
    small.resize(size, Image.Resampling.BILINEAR).save(file, "JPEG", quality=85)
    return file.getvalue()


@pytest.fixture
def server() -> Iterator[Server]:
    """Its models are warm."""
    with serving(["--models=demo"]) as server:
        client.wait_until_ready(server.page_port)
        yield server


def test_after_three_rounds_of_large_photos_it_holds_what_it_held_after_the_first(server):
    """glibc's own thresholds made it 1.4 GB more."""
    photos = [photo(megapixels) for megapixels in MEGAPIXELS]
    held = []
    for _ in range(3):
        for data in photos:
            client.similar_image(server.page_port, data, NO_STEPS_WORTH_MENTIONING)
        held.append(server.held_bytes())
    assert max(held) - held[0] < MOST_GROWTH, held
