"""The page takes the memory that a picture needs to be decoded, and says where there is none."""

from dataclasses import replace

import pytest
from shared_app import client_of
from web_client import JSON, alert, picture, upload

from captioner.images import DECODING_BYTES_PER_PIXEL, EncodedImage
from webapp.memory_budget import MemoryBudget
from webapp.services import DECODING_BYTES


class CountingBudget(MemoryBudget):
    def __init__(self) -> None:
        super().__init__(DECODING_BYTES)
        self.taken: list[int] = []

    def take(self, size_bytes):
        self.taken.append(size_bytes)
        return super().take(size_bytes)


def test_pictures_take_memory_by_their_size_and_a_bad_one_gives_it_back(by_hand):
    budget = CountingBudget()
    client = client_of(replace(by_hand, decoding=budget))
    assert upload(client, picture(30, 20)).status_code == 303
    assert upload(client, picture(60, 20)[:60]).status_code == 400
    assert upload(client, b"hello").status_code == 400
    assert budget.taken == [DECODING_BYTES_PER_PIXEL * 600, DECODING_BYTES_PER_PIXEL * 1200]
    assert budget.free_bytes == DECODING_BYTES


@pytest.mark.parametrize("headers", [{}, JSON])
def test_a_picture_that_finds_no_memory_is_told_so(by_hand, monkeypatch, headers):
    def fail(*arguments):
        raise MemoryError

    monkeypatch.setattr(EncodedImage, "read", fail)
    client = client_of(by_hand)
    response = upload(client, headers=headers)
    assert response.status_code == 503
    assert response.headers["Retry-After"] == "60"
    sentence = "There is not enough free memory for this: try again in a minute."
    assert (response.json["error"] if headers else alert(response)) == sentence
