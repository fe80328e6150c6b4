"""A job as browsers and programs see it: its page, its JSON, its events and its two pictures."""

import json
import re
from dataclasses import replace
from io import BytesIO
from threading import BoundedSemaphore

import pytest
from fakes import FakeSDXL
from PIL import ExifTags, Image
from web_client import JSON, SECONDS, alert, job_of, picture, upload

import captioner.engine
import generator.engine
from generator.job import Failed, Job, Queued
from generator.png import read_parameters
from webapp import create_app
from webapp.captioning import Captioned, Captioning
from webapp.job_store import JobStore
from webapp.jobs import format_events, format_job
from webapp.services import Services
from webapp.settings import Settings

UNKNOWN = "This job is not known: old ones are forgotten, and a restart forgets all."
PARTS = ["", "/events", "/original.jpg", "/image.png"]
CAPTION = "a picture of 20x10"
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


@pytest.fixture
def job(patient, by_hand) -> Job:
    """Uploaded, and nothing has happened since."""
    return job_of(by_hand, upload(patient, seed="7"))


@pytest.fixture
def finished(patient, by_hand, job) -> Job:
    by_hand.captioner.step()
    while not job.is_finished:
        by_hand.generator.step()
    return job


def read_events(response):
    """Number, name and data of each event of a complete stream."""
    blocks = [block for block in response.text.split("\n\n") if block.startswith("id: ")]
    events = []
    for block in blocks:
        number, name, data = re.fullmatch(r"id: (\d+)\nevent: (\w+)\ndata: (.*)", block).groups()
        events.append((int(number), name, json.loads(data)))
    return events


def test_the_page_shows_where_the_job_stands_from_upload_to_image(patient, by_hand, job):
    address = f"/jobs/{job.id}"

    page = patient.get(address).text
    assert "Looking at your picture…" in page
    assert f'src="{address}/original.jpg"' in page

    by_hand.captioner.step()
    page = patient.get(address).text
    assert "Waiting for a turn…" in page
    assert CAPTION in page

    by_hand.generator.step()
    page = patient.get(address).text
    assert "Painting: step 1 of 4" in page
    assert '<progress max="4" value="1"' in page
    assert f'src="{address}/image.png"' not in page

    for _ in range(3):
        by_hand.generator.step()
    page = patient.get(address).text
    assert "Done." in page
    assert CAPTION in page
    assert f'src="{address}/original.jpg"' in page
    assert f'src="{address}/image.png"' in page
    assert "seed 7 · 4 steps · guidance 5.0 · 64×64" in page
    assert alert(patient.get(address)) is None


def test_the_page_of_a_failed_job_shows_its_sentence(patient, job):
    job.publish(Failed("It <b>failed</b>."))
    response = patient.get(f"/jobs/{job.id}")
    assert response.status_code == 200
    assert alert(response) == "It <b>failed</b>."
    assert "<title>That did not work – Lookalike</title>" in response.text
    assert "<b>failed" not in response.text


def test_the_page_of_a_cancelled_job_says_so(patient, job):
    job.cancel()
    page = patient.get(f"/jobs/{job.id}").text
    assert "Cancelled." in page
    assert "<title>Cancelled – Lookalike</title>" in page


def test_without_scripts_the_page_looks_again_by_itself_until_the_job_ends(patient, by_hand, job):
    refresh = '<noscript><meta http-equiv="refresh" content="2"></noscript>'
    for step in (by_hand.captioner.step, by_hand.generator.step, lambda: None):
        page = patient.get(f"/jobs/{job.id}").text
        assert refresh in page
        assert "job.js" in page
        assert re.search(r'<form class="cancel"[^>]*action="/jobs/\w+/cancel">', page)
        step()


@pytest.mark.parametrize("end", ["succeeded", "failed", "cancelled"])
def test_the_page_of_a_job_that_has_ended_asks_for_nothing_more(patient, by_hand, job, end):
    if end == "succeeded":
        by_hand.captioner.step()
        for _ in range(4):
            by_hand.generator.step()
    elif end == "failed":
        job.publish(Failed("It failed."))
    else:
        job.cancel()
    page = patient.get(f"/jobs/{job.id}").text
    assert f'data-status="{end}"' in page
    assert "refresh" not in page
    assert "<script" not in page
    assert re.search(r'<form class="cancel"[^>]* hidden>', page)


def test_words_that_the_encoders_never_saw_are_named_on_the_page(patient, by_hand, job):
    class Shortsighted(FakeSDXL):
        def prepare(self, request):
            sample = super().prepare(request)
            sample.unseen_words = ("of", "20x10")
            return sample

    by_hand.generator.model = Shortsighted()
    by_hand.captioner.step()
    for _ in range(4):
        by_hand.generator.step()
    assert "“of 20x10”" in patient.get(f"/jobs/{job.id}").text
    assert patient.get(f"/jobs/{job.id}", headers=JSON).json["unseen_words"] == ["of", "20x10"]


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
    assert told("status", "step", "num_inference_steps") == ("succeeded", 4, 4)


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

    told = format_job(Hasty())
    assert (told["status"] == "failed") == (told["error"] is not None)


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


def test_the_events_tell_everything_from_the_first_to_the_outcome(patient, finished):
    response = patient.get(f"/jobs/{finished.id}/events")
    assert response.mimetype == "text/event-stream"
    assert response.headers["Cache-Control"] == "no-cache"
    events = read_events(response)
    assert [number for number, _, _ in events] == list(range(9))
    assert [(name, data) for _, name, data in events] == [
        ("captioning", {"status": "captioning"}),
        ("captioned", {"status": "queued", "caption": CAPTION}),
        ("queued", {"status": "queued", "prompt": CAPTION}),
        *(
            ("progress", {"status": "running", "step": step, "num_inference_steps": 4})
            for step in range(5)
        ),
        ("succeeded", {"status": "succeeded"}),
    ]


@pytest.mark.parametrize(
    ("end", "data"),
    [
        (
            lambda job: job.publish(Failed("No\n\nway.")),
            {"status": "failed", "error": "No\n\nway."},
        ),
        (lambda job: job.cancel(), {"status": "cancelled"}),
    ],
)
def test_the_events_end_with_the_outcome(patient, job, end, data):
    end(job)
    assert read_events(patient.get(f"/jobs/{job.id}/events"))[1:] == [(1, data["status"], data)]


def test_events_arrive_as_they_happen(patient, by_hand, job):
    response = patient.get(f"/jobs/{job.id}/events")
    stream = iter(response.response)
    assert next(stream).startswith(b":")  # lets the headers out
    assert b"event: captioning" in next(stream)
    by_hand.captioner.step()
    assert b"event: captioned" in next(stream)
    assert b"event: queued" in next(stream)
    job.cancel()
    assert b"event: cancelled" in next(stream)
    assert list(stream) == []
    response.close()


@pytest.mark.parametrize("last", [0, 3, 7])
def test_who_reconnects_gets_what_it_missed_and_nothing_twice(patient, finished, last):
    complete = read_events(patient.get(f"/jobs/{finished.id}/events"))
    headers = {"Last-Event-ID": str(last)}
    missed = read_events(patient.get(f"/jobs/{finished.id}/events", headers=headers))
    assert missed == complete[last + 1 :]


@pytest.mark.parametrize("last", ["8", "9", "99999999"])
def test_who_has_seen_the_outcome_is_told_not_to_come_back(patient, finished, last):
    response = patient.get(f"/jobs/{finished.id}/events", headers={"Last-Event-ID": last})
    assert response.status_code == 204  # at a 200 an EventSource would connect again, for ever
    assert response.data == b""


@pytest.mark.parametrize("last", ["", "-1", "abc", "1e3", " ", "9" * 5000, "0x1", "\xb2", "1.5"])
def test_a_last_event_that_is_none_of_ours_means_from_the_first(patient, finished, last):
    response = patient.get(f"/jobs/{finished.id}/events", headers={"Last-Event-ID": last})
    assert len(read_events(response)) == 9


def test_a_quiet_job_sends_a_sign_of_life_that_is_no_event():
    class Quiet:
        def follow(self, start, patience_seconds):
            assert patience_seconds
            yield None
            yield Captioning()

    first, quiet, event = format_events(Quiet(), 3)
    assert first.startswith(":")
    assert quiet.startswith(":")
    assert event.startswith("id: 3\nevent: captioning\n")


def test_no_text_can_end_an_event_early():
    job = Job()
    job.publish(Captioned("a\n\nid: 99\r\revent: failed\u2028\ud800"))
    job.publish(Failed("x"))
    for event in list(format_events(job, 0))[1:]:
        assert event.count("\n") == 4
        assert event.isascii()
        assert "\r" not in event


def test_too_many_who_follow_are_turned_away_until_one_leaves(by_hand):
    services = replace(by_hand, streams=BoundedSemaphore(1))
    client = create_app(Settings(), services).test_client()
    job = job_of(services, upload(client))
    first = client.get(f"/jobs/{job.id}/events")
    second = client.get(f"/jobs/{job.id}/events")
    assert second.status_code == 503
    assert int(second.headers["Retry-After"]) > 0
    assert "Too many pages" in alert(second)
    assert client.get(f"/jobs/{job.id}").status_code == 200
    first.close()
    job.cancel()
    for method in ("GET", "HEAD", "GET"):
        with client.open(f"/jobs/{job.id}/events", method=method) as response:
            assert response.status_code == 200


def test_the_image_carries_its_parameters(patient, finished):
    response = patient.get(f"/jobs/{finished.id}/image.png")
    assert response.mimetype == "image/png"
    assert response.headers["Content-Disposition"] == 'inline; filename="lookalike-7.png"'
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


def test_the_cancel_button_ends_the_job_and_leads_back_to_its_page(patient, by_hand, job):
    by_hand.captioner.step()
    by_hand.generator.step()
    response = patient.post(f"/jobs/{job.id}/cancel")
    assert (response.status_code, response.location) == (303, f"/jobs/{job.id}")
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
    assert response.status_code == 405
    assert "POST" in response.headers["Allow"]
    assert job.status == "captioning"


@pytest.mark.parametrize(
    ("size", "shrunk"),
    [((4096, 1024), (2048, 512)), ((1, 5000), (1, 2048)), ((2048, 2048), (2048, 2048))],
)
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
    client = create_app(Settings(), services).test_client()
    first, second = (job_of(services, upload(client)) for _ in range(2))
    first.cancel()
    second.cancel()
    for part in PARTS:
        assert client.get(f"/jobs/{first.id}{part}").status_code == 404
    assert client.post(f"/jobs/{first.id}/cancel").status_code == 404
    assert client.get(f"/jobs/{second.id}").status_code == 200


def test_who_follows_a_job_that_is_forgotten_meanwhile_sees_its_end(patient, by_hand, job):
    by_hand.jobs.max_jobs = 0
    stream = iter(patient.get(f"/jobs/{job.id}/events").response)
    assert b"captioning" in next(stream) + next(stream)
    job.cancel()
    by_hand.jobs.add(Job(), b"")
    assert b"cancelled" in next(stream)


def test_the_ids_of_jobs_cannot_be_guessed(patient, by_hand):
    ids = [job_of(by_hand, upload(patient)).id for _ in range(4)]
    assert all(re.fullmatch("[0-9a-f]{32}", each) for each in ids)
    differing = [
        sum(one != other for one, other in zip(ids[0], each, strict=True)) for each in ids[1:]
    ]
    assert min(differing) > 16  # of 32: no counter and no clock


def test_with_threads_a_job_is_followed_to_its_end(client, services):
    job = job_of(services, upload(client))
    events = read_events(client.get(f"/jobs/{job.id}/events"))
    assert events[-1][1] == "succeeded"
    assert client.get(f"/jobs/{job.id}/image.png").status_code == 200
    assert job.wait(SECONDS)
    assert isinstance(job.events[2], Queued)
