"""``/jobs/<id>/again``: words that were edited are painted, of the same original."""

import html
import re

import pytest
from fakes import FAKE_INFO
from web_client import CAPTION, JSON, alert, caption_of, job_of, picture, upload, words_in

from generator.job import Cancelled, Failed, Queued, Succeeded
from generator.request import InvalidRequest
from models_cache.runtime.model_thread import STOPPING, EngineClosed
from webapp import environ, similar
from webapp.captioning import Captioned
from webapp.order import parse_order

EMPTY = "In words is empty: say what to paint."


def again(patient, job, headers=None, **fields):
    return patient.post(f"/jobs/{job.id}/again", data=fields, headers=headers)


def problem_at(response, field):
    """The sentence beside a field; None without one."""
    found = re.search(rf'<(?:p|span) class="problem" id="problem-{field}">(.*?)</', response.text)
    return html.unescape(found[1]) if found else None


def finish(by_hand, job):
    while not job.is_finished:
        by_hand.generator.step()


def paint(by_hand, prompt, said=None, **fields):
    """Without the page."""
    order = parse_order({"prompt": prompt, **fields}, FAKE_INFO, (20, 10), old_seed=0)
    return similar.again(by_hand, order, order.prompt, said)


# Without the page


def test_edited_words_are_painted_and_nothing_is_captioned_again(by_hand):
    said = Captioned("a red house", is_familiar=False)
    [job] = paint(by_hand, "a blue house", said)
    assert job.events == (said, Queued(job.request))
    assert job.request.prompt == "a blue house"
    by_hand.captioner.step()
    assert by_hand.captioner.model.batches == []
    finish(by_hand, job)
    assert isinstance(job.outcome, Succeeded)


def test_a_picture_that_has_no_caption_yet_gets_none(by_hand):
    [job] = paint(by_hand, "a blue house")
    assert job.events == (Queued(job.request),)
    assert caption_of(job) is None


def test_edited_words_are_painted_as_they_are_tics_too(by_hand):
    [job] = paint(by_hand, "araffe araffe")
    assert job.request.prompt == "araffe araffe"


def test_words_that_are_no_prompt_hold_no_place(by_hand):
    order = parse_order({}, FAKE_INFO, (20, 10), old_seed=0)
    with pytest.raises(InvalidRequest):
        similar.again(by_hand, order, " ", None)
    assert by_hand.generator.stats().jobs == 0


def test_a_closed_generator_turns_edited_words_away(by_hand):
    by_hand.generator.close()
    with pytest.raises(EngineClosed):
        paint(by_hand, "a blue house")


# The button


def test_the_words_and_the_options_of_the_page_become_a_new_job(patient, by_hand, finished):
    response = again(
        patient,
        finished,
        prompt="a blue house",
        negative_prompt="text",
        num_inference_steps="2",
        guidance_scale="1.5",
        seed="9",
    )
    job = job_of(by_hand, response)
    assert job is not finished
    assert (job.request.prompt, job.request.negative_prompt) == ("a blue house", "text")
    assert (job.request.num_inference_steps, job.request.guidance_scale) == (2, 1.5)
    assert job.request.seed == 9
    told = patient.get(response.location, headers=JSON).json
    assert (told["caption"], told["prompt"]) == (CAPTION, "a blue house")
    finish(by_hand, job)
    page = patient.get(response.location)
    assert "Done." in page.text
    assert words_in(page) == "a blue house"
    assert f"<dd>{CAPTION}</dd>" in page.text
    assert finished.request.prompt == CAPTION  # the first stays as it was


def test_the_seed_is_new_unless_it_is_kept(patient, by_hand, finished):
    seeds = [
        job_of(by_hand, again(patient, finished, prompt="x", **fields)).request.seed
        for fields in ({}, {}, {"keep_seed": "yes"}, {"keep_seed": "yes", "seed": "9"})
    ]
    assert seeds[2:] == [7, 7]
    assert len({*seeds[:2], 7, 9}) == 4
    assert 'name="keep_seed"' in patient.get(f"/jobs/{finished.id}").text


def test_several_images_of_edited_words_know_each_other(patient, by_hand, finished):
    response = again(patient, finished, prompt="x", images="4", keep_seed="yes")
    siblings = patient.get(response.location, headers=JSON).json["siblings"]
    told = [patient.get(f"/jobs/{job_id}", headers=JSON).json for job_id in siblings]
    assert response.location == f"/jobs/{siblings[0]}"
    assert [each["seed"] for each in told] == [7, 8, 9, 10]
    assert all(each["siblings"] == siblings for each in told)
    assert patient.get(f"/jobs/{finished.id}", headers=JSON).json["siblings"] == [finished.id]


def test_several_images_of_an_upload_know_each_other_and_the_first_is_shown(patient, by_hand):
    response = upload(patient, images="4", seed="7")
    siblings = patient.get(response.location, headers=JSON).json["siblings"]
    assert response.location == f"/jobs/{siblings[0]}"
    by_hand.captioner.step()
    told = [patient.get(f"/jobs/{job_id}", headers=JSON).json for job_id in siblings]
    assert [each["id"] for each in told] == siblings
    assert [each["seed"] for each in told] == [7, 8, 9, 10]
    assert all(each["siblings"] == siblings for each in told)


def test_the_original_stays_when_the_first_of_its_jobs_is_deleted(patient, by_hand):
    first = job_of(by_hand, upload(patient, picture(30, 10, "blue")))
    original = by_hand.jobs.get(first.id).original
    uploaded = patient.get(f"/jobs/{first.id}/original.jpg").data
    second = job_of(by_hand, again(patient, first, prompt="x"))
    assert patient.post(f"/jobs/{first.id}/delete").status_code == 303
    assert patient.get(f"/jobs/{first.id}/original.jpg").status_code == 404
    assert patient.get(f"/jobs/{second.id}/original.jpg").data == uploaded
    assert by_hand.jobs.get(second.id).original is original
    third = job_of(by_hand, again(patient, second, prompt="y"))
    assert by_hand.jobs.get(third.id).original is original


def test_who_edits_the_words_need_not_wait_for_the_image(patient, by_hand, job):
    by_hand.captioner.step()
    edited = job_of(by_hand, again(patient, job, prompt="a blue house"))
    assert not job.is_finished
    for each in (job, edited):
        finish(by_hand, each)
        assert isinstance(each.outcome, Succeeded)


@pytest.mark.parametrize("outcome", [Failed("It failed."), Cancelled()])
def test_a_job_that_came_to_nothing_can_be_painted_in_other_words(patient, by_hand, job, outcome):
    job.publish(outcome)
    edited = job_of(by_hand, again(patient, job, prompt="a blue house"))
    assert caption_of(edited) is None
    finish(by_hand, edited)
    assert "Done." in patient.get(f"/jobs/{edited.id}").text


# What is refused


@pytest.mark.parametrize("words", [{}, {"prompt": ""}, {"prompt": " \n"}], ids=str)
def test_without_words_the_page_comes_back_and_says_so_at_the_field(
    patient, by_hand, finished, words
):
    response = again(patient, finished, seed="9", **words)
    assert response.status_code == 400
    assert problem_at(response, "prompt") == EMPTY
    assert alert(response) == EMPTY
    assert f'action="/jobs/{finished.id}/again"' in response.text
    assert f'src="/jobs/{finished.id}/original.jpg"' in response.text
    assert 'name="seed" value="9"' in response.text
    assert "Set-Cookie" not in response.headers
    assert by_hand.generator.stats().jobs == 0


def test_each_wrong_field_is_told_at_its_place_and_what_was_typed_stays(patient, by_hand, finished):
    response = again(patient, finished, prompt="a <b>blue</b> house", seed="x", images="3")
    assert response.status_code == 400
    sentence = "Seed must be a whole number from 0 to 9223372036854775807, not 'x'."
    assert problem_at(response, "seed") == sentence
    assert problem_at(response, "prompt") is None
    assert alert(response) == "How many must be one of 1, 2, 4."
    assert words_in(response) == "a <b>blue</b> house"
    assert "<b>blue" not in response.text
    assert '<details class="options-fold" open>' in response.text
    assert by_hand.generator.stats().jobs == 0


def test_programs_are_told_each_problem_by_its_fields_name(patient, by_hand, finished):
    response = again(patient, finished, JSON, prompt="x", seed="x", images="3", width="63")
    assert response.status_code == 400
    assert response.json["field"] == "images"
    assert response.json["error"] == "images must be one of 1, 2, 4."
    assert response.json["problems"] == {  # those that the page has fields for, by its labels
        "images": "How many must be one of 1, 2, 4.",
        "seed": "Seed must be a whole number from 0 to 9223372036854775807, not 'x'.",
    }
    response = again(patient, finished, JSON)
    assert (response.status_code, response.json["field"]) == (400, "prompt")
    assert response.json["problems"] == {"prompt": EMPTY}
    uploaded = upload(patient, headers=JSON, seed="x").json
    assert list(uploaded["problems"]) == ["seed"]
    assert uploaded["problems"]["seed"].startswith("Seed must be")
    assert by_hand.generator.stats().jobs == 0


def test_empty_words_are_told_beside_all_else_that_is_wrong(patient, finished):
    response = again(patient, finished, JSON, prompt=" ", seed="x")
    assert set(response.json["problems"]) == {"prompt", "seed"}


def test_a_full_queue_keeps_the_words(patient, by_hand, finished):
    by_hand.generator.reserve(by_hand.generator.max_jobs)
    response = again(patient, finished, prompt="a blue house")
    assert response.status_code == 429
    assert alert(response).startswith("The queue is full: try again in ")
    assert "Retry-After" in response.headers
    assert words_in(response) == "a blue house"
    told = again(patient, finished, JSON, prompt="a blue house")
    assert (told.status_code, told.json["field"]) == (429, None)
    assert "problems" not in told.json


def test_several_images_need_all_their_places_or_take_none(patient, by_hand, finished):
    by_hand.generator.reserve()
    assert again(patient, finished, prompt="x", images="4").status_code == 429
    assert by_hand.generator.stats().jobs == 1
    assert again(patient, finished, prompt="x", images="2").status_code == 303


def test_an_unknown_job_cannot_be_painted_again(patient, by_hand):
    response = patient.post("/jobs/unknown/again", data={"prompt": "x"}, headers=JSON)
    assert (response.status_code, response.json["field"]) == (404, None)
    assert by_hand.generator.stats().jobs == 0


def test_painting_again_is_nothing_that_a_link_can_do(patient, by_hand, finished):
    response = patient.get(f"/jobs/{finished.id}/again?prompt=x")
    assert (response.status_code, response.location) == (303, f"/jobs/{finished.id}")
    assert by_hand.generator.stats().jobs == 0


def test_a_server_that_stops_paints_nothing_again(patient, by_hand, finished):
    for headers in ({}, JSON):
        response = patient.post(
            f"/jobs/{finished.id}/again",
            data={"prompt": "a blue house"},
            headers=headers,
            environ_overrides={environ.DRAINING: True},
        )
        assert (response.status_code, response.headers["Retry-After"]) == (503, "60")
    assert response.json == {"error": STOPPING, "field": None}
    assert by_hand.generator.stats().jobs == 0


@pytest.mark.parametrize(
    "headers", [{"Sec-Fetch-Site": "cross-site"}, {"Origin": "http://evil.example"}], ids=str
)
def test_another_sites_page_cannot_paint_again(patient, by_hand, finished, headers):
    assert again(patient, finished, headers, prompt="x").status_code == 403
    assert by_hand.generator.stats().jobs == 0
