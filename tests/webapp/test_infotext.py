"""A picture of ours that comes back offers the words and the options that it was painted from."""

import html
from io import BytesIO

import pytest
from fakes import FAKE_INFO
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from web_client import CAPTION, job_of, picture, upload, value_of, words_in

from generator.png import png_bytes
from webapp.infotext import MOST_CHARACTERS, fields_of

ASKED = FAKE_INFO.request(
    "a red, big house", negative_prompt="text", seed=7, num_inference_steps=3, guidance_scale=2.5
)
FIELDS = {
    "prompt": "a red, big house",
    "negative_prompt": "text",
    "seed": "7",
    "num_inference_steps": "3",
    "guidance_scale": "2.5",
}


def png(text=None):
    """A PNG; with ``text`` where other programs put what an image was made of."""
    info, file = PngInfo(), BytesIO()
    if text is not None:
        info.add_text("parameters", text)
    Image.new("RGB", (20, 10)).save(file, "PNG", pnginfo=info)
    return file.getvalue()


@pytest.fixture
def ours():
    return png_bytes(Image.new("RGB", (20, 10)), ASKED, model="fake", sampler="Euler")


def test_our_own_png_says_all_fields_of_the_form(ours):
    assert fields_of(ours) == FIELDS


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(png(), id="no text"),
        pytest.param(png(""), id="empty text"),
        pytest.param(png("Steps: 3, Seed: 7, CFG scale: 2"), id="no words"),
        pytest.param(png("a house\nSteps: 3")[:60], id="cut short"),
        pytest.param(b"\x89PNG\r\n\x1a\n" + b"\xff" * 80, id="damaged"),
        pytest.param(picture(kind="JPEG"), id="a JPEG"),
    ],
)
def test_other_pictures_say_nothing(data):
    assert fields_of(data) == {}


def test_words_without_end_are_cut():
    fields = fields_of(png("x" * 60_000 + "\nSteps: 3, Seed: 7, CFG scale: 2"))
    assert len(fields["prompt"]) == MOST_CHARACTERS


def test_the_page_offers_to_fill_in_what_the_file_said(patient, by_hand, ours):
    job = job_of(by_hand, upload(patient, ours))
    assert "fill=yes" not in patient.get(f"/jobs/{job.id}").text  # it is still painted
    by_hand.captioner.step()
    while not job.is_finished:
        by_hand.generator.step()
    page = patient.get(f"/jobs/{job.id}")
    assert "painted from the words “a red, big house”" in html.unescape(page.text)
    assert words_in(page) == CAPTION
    filled = patient.get(f"/jobs/{job.id}?fill=yes")
    assert words_in(filled) == "a red, big house"
    assert {name: value_of(filled, name) for name in FIELDS if name != "prompt"} == {
        name: value for name, value in FIELDS.items() if name != "prompt"
    }
    assert "fill=yes" not in filled.text
    assert 'class="options-fold" open' in filled.text


def test_a_picture_that_says_nothing_offers_nothing(patient, by_hand):
    job = job_of(by_hand, upload(patient))
    job.cancel()
    assert "fill=yes" not in patient.get(f"/jobs/{job.id}").text
    assert words_in(patient.get(f"/jobs/{job.id}?fill=yes")) == ""
