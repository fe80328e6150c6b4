"""A job as programs see it: its JSON, its two pictures, its end, and jobs that are not known."""

import re
from io import BytesIO

import pytest
from fakes import FakeSDXL
from PIL import ExifTags, Image
from shared_app import client_of
from web_client import (
    CAPTION,
    JSON,
    alert,
    an_order,
    job_of,
    picture,
    upload,
    value_of,
    words_in,
)

import captioner.engine
import generator.engine
from generator.job import Failed, Job
from generator.png import read_parameters
from webapp.job_store import Entry, JobStore, Original
from webapp.services import Services
from webapp.studio import format_job

UNKNOWN = "This job is not known: old ones are forgotten, and a restart forgets all."
PARTS = ["", "/events", "/original.jpg", "/preview.jpg", "/image.png"]
TRICKS = [
    "..",
    "%2e%2e",
    "..%2f..%2fetc%2fpasswd",
    "..\\..\\etc",
    "%00",
    "%ff%fe",
    "%0d%0aSet-Cookie:x=1",
    "x" * 5000,
    "/etc/passwd",
    "~root",
]


def test_json_says_the_same_as_the_page(patient, by_hand, job):
    def told(*names):
        answer = patient.get(f"/jobs/{job.id}", headers=JSON).json
        return tuple(answer[name] for name in names)

    parts = ("id", "status", "caption", "prompt", "step", "error")
    assert told(*parts) == (job.id, "captioning", None, None, 0, None)
    by_hand.captioner.step()
    assert told(*parts) == (job.id, "queued", CAPTION, CAPTION, 0, None)
    by_hand.generator.step()
    assert told(*parts) == (job.id, "running", CAPTION, CAPTION, 1, None)
    assert told("num_inference_steps", "seed", "width", "height") == (4, 7, 64, 64)
    for _ in range(3):
        by_hand.generator.step()
    assert told("status", "step", "num_steps") == ("succeeded", 4, 4)


def test_json_names_what_went_wrong(patient, job):
    job.publish(Failed("It failed."))
    answer = patient.get(f"/jobs/{job.id}", headers=JSON).json
    assert (answer["status"], answer["error"]) == ("failed", "It failed.")


def test_a_job_that_ends_while_it_is_read_is_told_whole():
    class Hasty(Job):
        @property
        def request(self):
            self.publish(Failed("just now"))
            return super().request

    told = format_job(Entry(Hasty(), Original(b"", (1, 1)), an_order()))
    assert (told.status == "failed") == (told.error is not None)


@pytest.mark.parametrize(
    ("accept", "mimetype"),
    [
        (None, "text/html"),
        ("*/*", "text/html"),
        ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", "text/html"),
        ("text/html, application/json", "text/html"),
        ("application/json", "application/json"),
        ("application/json, text/html;q=0.9", "application/json"),
        ("application/*", "application/json"),
        ("application/json;q=nonsense", "text/html"),
        (",;=/", "text/html"),
    ],
)
def test_json_is_for_those_who_put_it_before_html(patient, job, accept, mimetype):
    headers = {"Accept": accept} if accept else {}
    for address in (f"/jobs/{job.id}", "/jobs/unknown"):
        assert patient.get(address, headers=headers).mimetype == mimetype


def test_a_page_that_changes_is_not_kept(patient, job):
    for headers in ({}, JSON):
        response = patient.get(f"/jobs/{job.id}", headers=headers)
        assert response.headers["Cache-Control"] == "no-store"


def test_the_image_carries_its_parameters(patient, finished):
    response = patient.get(f"/jobs/{finished.id}/image.png")
    assert response.mimetype == "image/png"
    assert response.headers["Content-Disposition"] == 'inline; filename="a-picture-of-20x10-7.png"'
    assert "immutable" in response.headers["Cache-Control"]
    image = Image.open(BytesIO(response.data))
    image.load()
    assert image.size == (64, 64)
    assert image.getpixel((0, 0)) == (7, 100, 200)
    assert read_parameters(response.data) == {
        "Prompt": CAPTION,
        "Steps": "4",
        "Sampler": "Euler",
        "CFG scale": "5.0",
        "Seed": "7",
        "Size": "64x64",
        "Model": "fake",
        "Version": "Lookalike",
    }


def test_before_it_is_there_the_image_is_a_409_that_says_why(patient, by_hand, job):
    for status, step in (
        ("captioning", by_hand.captioner.step),
        ("queued", by_hand.generator.step),
        ("running", job.cancel),
        ("cancelled", lambda: None),
    ):
        response = patient.get(f"/jobs/{job.id}/image.png")
        assert response.status_code == 409
        assert alert(response) == f"This job is {status}: it has no image."
        step()


def test_the_original_is_what_was_uploaded_without_its_metadata(patient, by_hand):
    exif = Image.Exif()
    exif[ExifTags.Base.Make] = "a secret camera"
    exif[ExifTags.Base.Orientation] = 6
    data = picture(20, 10, "red", "JPEG", exif=exif, comment=b"a secret comment")
    assert b"secret" in data
    response = patient.get(f"{upload(patient, data).location}/original.jpg")
    assert response.mimetype == "image/jpeg"
    assert b"secret" not in response.data
    original = Image.open(BytesIO(response.data))
    assert original.size == (10, 20)  # upright
    assert not original.getexif()
    red, green, blue = original.getpixel((5, 5))
    assert red > 200 > 50 > green + blue


def test_the_cancel_button_ends_the_job_and_keeps_what_was_typed(patient, by_hand, job):
    by_hand.captioner.step()
    by_hand.generator.step()
    typed = {"prompt": "a blue", "num_inference_steps": "9"}
    response = patient.post(f"/jobs/{job.id}/cancel", data=typed)
    assert response.status_code == 200
    assert alert(response) == "Cancelled."
    assert words_in(response) == "a blue"
    assert value_of(response, "num_inference_steps") == "9"
    assert job.status == "cancelled"
    assert by_hand.generator.stats().jobs == 0


def test_a_program_that_cancels_is_told_how_the_job_stands(patient, job):
    response = patient.post(f"/jobs/{job.id}/cancel", headers=JSON)
    assert response.status_code == 200
    assert (response.json["id"], response.json["status"]) == (job.id, "cancelled")


def test_a_job_that_has_ended_stays_as_it_is_when_it_is_cancelled(patient, finished):
    assert patient.post(f"/jobs/{finished.id}/cancel", headers=JSON).json["status"] == "succeeded"
    assert patient.get(f"/jobs/{finished.id}/image.png").status_code == 200


def test_cancelling_is_nothing_that_a_link_can_do(patient, job):
    response = patient.get(f"/jobs/{job.id}/cancel")
    assert (response.status_code, response.location) == (303, f"/jobs/{job.id}")
    assert job.status == "captioning"


@pytest.mark.parametrize(
    ("size", "shrunk"),
    [((4096, 1024), (2048, 512)), ((1, 5000), (1, 2048)), ((2048, 2048), (2048, 2048))],
)
@pytest.mark.slow
def test_the_original_is_at_most_2048_pixels_on_a_side(patient, by_hand, size, shrunk):
    job = job_of(by_hand, upload(patient, picture(*size)))
    with Image.open(BytesIO(patient.get(f"/jobs/{job.id}/original.jpg").data)) as original:
        assert original.size == shrunk


@pytest.mark.parametrize("part", PARTS)
def test_an_unknown_job_is_a_404_everywhere(patient, job, part):
    for job_id in ("0" * 32, job.id.upper(), job.id[:-1], f"{job.id}0", "None"):
        response = patient.get(f"/jobs/{job_id}{part}")
        assert (response.status_code, alert(response)) == (404, UNKNOWN)
        response = patient.get(f"/jobs/{job_id}{part}", headers=JSON)
        assert (response.status_code, response.json) == (404, {"error": UNKNOWN, "field": None})


def test_an_unknown_job_cannot_be_cancelled(patient):
    assert patient.post("/jobs/unknown/cancel").status_code == 404
    assert patient.post("/jobs/unknown/cancel", headers=JSON).json["error"] == UNKNOWN


def test_tricks_with_paths_find_nothing(patient):
    for trick in TRICKS:
        for part in PARTS:
            response = patient.get(f"/jobs/{trick}{part}", follow_redirects=True)
            assert response.status_code == 404, trick
            assert "Set-Cookie" not in response.headers


def test_a_forgotten_job_is_like_an_unknown_one():
    services = Services(
        captioner.engine.Engine(None), generator.engine.Engine(FakeSDXL()), JobStore(max_jobs=1)
    )
    client = client_of(services)
    first, second = (job_of(services, upload(client)) for _ in range(2))
    first.cancel()
    second.cancel()
    for part in PARTS:
        assert client.get(f"/jobs/{first.id}{part}").status_code == 404
    assert client.post(f"/jobs/{first.id}/cancel").status_code == 404
    assert client.get(f"/jobs/{second.id}").status_code == 200


def test_the_ids_of_jobs_cannot_be_guessed(patient, by_hand):
    ids = [job_of(by_hand, upload(patient)).id for _ in range(4)]
    assert all(re.fullmatch("[0-9a-f]{32}", each) for each in ids)
    differing = [
        sum(one != other for one, other in zip(ids[0], each, strict=True)) for each in ids[1:]
    ]
    assert min(differing) > 16  # of 32: no counter and no clock
