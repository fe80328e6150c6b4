"""A job's preview: told among its events, and fetched by the step that it was made after."""

from io import BytesIO

import pytest
from PIL import Image
from web_client import JSON, alert

SMALL = Image.linear_gradient("L").resize((16, 12)).convert("RGB")
NOTHING = "There is nothing at this address."


def fetch(patient, job, query="?step=5", **options):
    return patient.get(f"/jobs/{job.id}/preview.jpg{query}", **options)


def test_a_preview_is_a_small_jpeg_of_nearly_its_colours(patient, job):
    job.publish_preview(5, SMALL)
    response = fetch(patient, job)
    assert response.mimetype == "image/jpeg"
    assert len(response.data) < 2000
    image = Image.open(BytesIO(response.data))
    assert (image.format, image.size) == ("JPEG", (16, 12))
    for place in ((0, 0), (8, 6), (15, 11)):
        assert abs(image.getpixel(place)[0] - SMALL.getpixel(place)[0]) < 12


def test_fine_colours_are_not_blurred(patient, job):
    image = Image.new("RGB", (16, 16), "blue")
    image.putpixel((8, 8), (255, 0, 0))
    job.publish_preview(5, image)
    red, green, blue = Image.open(BytesIO(fetch(patient, job).data)).getpixel((8, 8))
    assert red > 150 > 100 > blue


@pytest.mark.parametrize("headers", [{}, JSON])
def test_before_the_first_there_is_nothing(patient, job, headers):
    response = fetch(patient, job, headers=headers)
    assert response.status_code == 404
    assert (response.json["error"] if headers else alert(response)) == NOTHING


def test_by_its_step_it_may_be_kept_as_it_never_changes(patient, job):
    job.publish_preview(5, SMALL)
    assert fetch(patient, job).headers["Cache-Control"] == "private, max-age=3600, immutable"


@pytest.mark.parametrize("query", ["", "?step=", "?step=3", "?step=05", "?step=9", "?step=x"])
def test_at_any_other_address_the_latest_is_shown_and_must_not_be_kept(patient, job, query):
    job.publish_preview(3, Image.new("RGB", (1, 1)))
    job.publish_preview(5, SMALL)
    response = fetch(patient, job, query)
    assert Image.open(BytesIO(response.data)).size == (16, 12)
    assert response.headers["Cache-Control"] == "no-store"


def test_the_last_preview_outlives_the_job_for_pages_that_are_late(patient, job):
    job.publish_preview(5, SMALL)
    job.cancel()
    assert fetch(patient, job).status_code == 200


def test_the_events_name_the_step_of_each_preview(patient, by_hand, job):
    by_hand.generator.model.preview = lambda sample: SMALL
    by_hand.captioner.step()
    while not job.is_finished:
        by_hand.generator.step()
    blocks = patient.get(f"/jobs/{job.id}/events").text.split("\n\n")
    names = [block.split("\n")[1].removeprefix("event: ") for block in blocks[1:-1]]
    assert names[3:] == ["progress", *["progress", "previewed"] * 3, "progress", "succeeded"]
    told = [block for block in blocks if "event: previewed" in block]
    assert [block.split("data: ")[1] for block in told] == [
        f'{{"status": "running", "step": {step}}}' for step in (1, 2, 3)
    ]
    assert fetch(patient, job, "?step=3").headers["Cache-Control"].endswith("immutable")
