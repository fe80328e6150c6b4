"""A job's page, from upload to image."""

import re

import pytest
from fakes import FakeSDXL
from web_client import CAPTION, JSON, alert

from generator.job import Failed


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
    assert "Step 1 of 4" in page
    assert '<progress max="4" value="1"' in page
    assert f'src="{address}/image.png"' not in page

    for _ in range(3):
        by_hand.generator.step()
    page = patient.get(address).text
    assert "Done." in page
    assert CAPTION in page
    assert f'src="{address}/original.jpg"' in page
    assert f'src="{address}/image.png"' in page
    assert "<dt>Seed</dt><dd>7</dd>" in page
    assert "<dt>Size</dt><dd>64×64</dd>" in page
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
        assert re.search(r'<button [^>]*formaction="/jobs/\w+/cancel">', page)
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
    assert "/cancel" not in page


def test_words_that_the_encoders_never_saw_are_named_on_the_page(patient, by_hand, job):
    class Shortsighted(FakeSDXL):
        def prepare(self, requests):
            [sample] = super().prepare(requests)
            sample.unseen_words = ("of", "20x10")
            return [sample]

    by_hand.generator._model = Shortsighted()
    by_hand.captioner.step()
    for _ in range(4):
        by_hand.generator.step()
    assert "“of 20x10”" in patient.get(f"/jobs/{job.id}").text
    assert patient.get(f"/jobs/{job.id}", headers=JSON).json["unseen_words"] == ["of", "20x10"]


def test_full_screen_shows_both_pictures_and_the_words_once_there_are_both(patient, by_hand, job):
    address = f"/jobs/{job.id}"
    early = patient.get(f"{address}/full-screen")
    assert (early.status_code, early.location) == (303, address)
    by_hand.captioner.step()
    for _ in range(4):
        by_hand.generator.step()
    page = patient.get(f"{address}/full-screen").text
    assert f"<h1>{CAPTION}</h1>" in page
    assert f'src="{address}/original.jpg"' in page
    assert f'src="{address}/image.png"' in page
    assert f'href="{address}/full-screen"' in patient.get(address).text
