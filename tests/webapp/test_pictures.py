"""A job's pictures, as the page asks for them."""

from io import BytesIO

import pytest
from PIL import Image
from web_client import job_of, picture, upload

from webapp.pictures import file_name


def size_of(response):
    assert response.mimetype == "image/jpeg"
    with Image.open(BytesIO(response.data)) as image:
        return image.size


def test_a_thumbnail_is_the_upload_until_there_is_an_image(patient, by_hand):
    job = job_of(by_hand, upload(patient, picture(1000, 500)))
    address = f"/jobs/{job.id}/thumbnail.jpg"
    before = patient.get(address)
    assert size_of(before) == (336, 168)
    assert before.headers["Cache-Control"] == "no-store"
    by_hand.captioner.step()
    while not job.is_finished:
        by_hand.generator.step()
    after = patient.get(address)
    assert size_of(after) == (64, 64)
    assert "immutable" in after.headers["Cache-Control"]


@pytest.mark.parametrize("kind", ["original.jpg", "image.png", "thumbnail.jpg"])
def test_the_pictures_of_an_unknown_job_are_not_there(patient, kind):
    assert patient.get(f"/jobs/{'0' * 32}/{kind}").status_code == 404


@pytest.mark.parametrize(
    ("words", "name"),
    [
        ("A red house, by the sea!", "a-red-house-by-the-sea-7.png"),
        ("ein Häuschen", "ein-h-uschen-7.png"),
        ("…", "lookalike-7.png"),
        ('a"\r\nSet-Cookie: x', "a-set-cookie-x-7.png"),
        ("word " * 100, "-".join(["word"] * 12) + "-7.png"),
    ],
)
def test_an_image_is_saved_by_its_words_and_seed(words, name):
    assert file_name(words, 7) == name
