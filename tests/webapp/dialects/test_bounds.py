"""What one request may cost the others, in any dialect: threads, memory, a reader's time."""

import base64
import contextlib
import time
from concurrent.futures import Future
from io import BytesIO
from zlib import crc32

import pytest
from elsewhere import model_of
from PIL import Image
from web_client import picture

from captioner.desk import MOST_AWAITED_OF_ONE
from captioner.request import Caption, CaptionRequest
from webapp.client import client as who
from webapp.dialects.body import MOST_PARTS, picture_of
from webapp.infotext import MOST_TEXT, text_of

BLIP = "/models/Salesforce/blip-image-captioning-large"
CHAT = "/v1/chat/completions"
MEBIBYTE = 2**20


def in_base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def about(data: bytes) -> dict[str, object]:
    url = f"data:image/png;base64,{in_base64(data)}"
    content = [{"type": "image_url", "image_url": {"url": url}}]
    return {"messages": [{"role": "user", "content": content}]}


ADDRESSES = {
    "/caption": lambda data: {"image": in_base64(data)},
    BLIP: lambda data: {"inputs": in_base64(data)},
    "/api/generate": lambda data: {"model": "blip", "images": [in_base64(data)]},
    "/sdapi/v1/interrogate": lambda data: {"image": in_base64(data)},
    CHAT: about,
}
every_address = pytest.mark.parametrize("address", ADDRESSES)


def ask(client, address, data):
    return client.post(address, json=ADDRESSES[address](data))


@every_address
def test_who_waits_for_many_captions_is_told_to_come_back(patient, by_hand, address):
    with patient.application.test_request_context(environ_base={"REMOTE_ADDR": "127.0.0.1"}):
        name = who()
    image = Image.new("RGB", (8, 8))
    for _ in range(MOST_AWAITED_OF_ONE):
        by_hand.captioner.submit(CaptionRequest(image), name, is_awaited=True)
    response = ask(patient, address, picture())
    assert response.status_code == 429, response.text
    assert response.headers["Retry-After"] == "1"


@pytest.mark.slow
@every_address
def test_a_picture_over_the_limit_is_refused_however_it_comes(patient, address):
    large = picture().ljust(20 * MEBIBYTE + 1, b"\0")
    response = ask(patient, address, large)
    assert response.status_code == 413
    assert "at most 20 MB" in response.text


@pytest.mark.parametrize("address", ["/caption", BLIP, "/"])
def test_raw_bytes_over_the_limit_are_refused_too(patient, address):
    large = picture().ljust(20 * MEBIBYTE + 1, b"\0")
    response = patient.post(address, data=large, content_type="image/png")
    assert response.status_code == 413
    assert "at most 20 MB" in response.text


@every_address
def test_a_body_of_very_many_parts_is_not_read(patient, address):
    body = b'{"images": [' + b"1," * MOST_PARTS + b"1, 1]}"
    response = patient.post(address, data=body, content_type="application/json")
    assert response.status_code == 400
    assert "too many parts" in response.text


@every_address
def test_a_model_that_runs_out_of_time_of_its_own_is_a_failure(client, services, address):
    def late(batch):
        raise TimeoutError

    model_of(services.captioner).caption_batch = late
    assert ask(client, address, picture()).status_code == 500


@pytest.mark.parametrize("services", ["here"], indirect=True)
def test_a_caption_that_comes_just_as_patience_ends_is_not_lost(client, services, monkeypatch):
    """The wait ends, and the caption is there before anybody looks."""
    ends = []

    class Late(Future):
        def result(self, timeout=None):
            if not ends:
                ends.append(super().result())
                raise TimeoutError
            return super().result(timeout)

    monkeypatch.setattr("captioner.desk.Future", Late)
    assert ask(client, "/caption", picture()).json["caption"]
    assert ends


@every_address
def test_no_words_are_no_answer(client, services, address):
    model_of(services.captioner).caption_batch = lambda batch: [Caption(" ")] * len(batch)
    response = ask(client, address, picture())
    assert response.status_code == 500
    assert "no words" in response.text


def test_base64_may_be_broken_into_lines_and_begin_as_a_data_url_and_no_other_way():
    assert picture_of("image", " data:image/png;base64,aGVs\r\n bG8 ") == b"hello"
    for wrong in ("garbage data:,abcd", "caf\u00e9", "aGVs\u2003bG8="):
        with pytest.raises(ValueError, match="no picture in base64"):
            picture_of("image", wrong)


@pytest.mark.slow
def test_reading_base64_takes_no_longer_than_its_bytes_ask_for():
    """Each of these took seconds, for which all other threads stood still."""
    plain = "a" * (8 * MEBIBYTE)
    quick = best(lambda: picture_of("image", plain))
    for slow in ("data:" * (8 * MEBIBYTE // 5), "aa " * (8 * MEBIBYTE // 3)):
        assert best(lambda slow=slow: _try(slow)) < 10 * quick + 0.05


def _try(text):
    with contextlib.suppress(ValueError):
        picture_of("image", text)


def best(call):
    def once():
        began = time.process_time()
        call()
        return time.process_time() - began

    return min(once() for _ in range(3))


def png_with(text: bytes) -> bytes:
    """Uncompressed, as Pillow bounds compressed text alone."""
    chunk = b"tEXt" + b"parameters\0" + text
    data = len(text) + 11
    file = picture()
    at = file.index(b"IDAT") - 4
    return file[:at] + data.to_bytes(4, "big") + chunk + crc32(chunk).to_bytes(4, "big") + file[at:]


def test_a_text_in_a_png_is_read_up_to_a_length():
    assert Image.open(BytesIO(png_with(b"a house"))).info["parameters"] == "a house"
    assert text_of(png_with(b"a" * MOST_TEXT)) == "a" * MOST_TEXT
    assert text_of(png_with(b"a" * (MOST_TEXT + 1))) == ""
