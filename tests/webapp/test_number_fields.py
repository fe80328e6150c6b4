"""A number means the same in the query of ``/generate-image`` and in the page's form."""

import pytest
from web_client import JSON, job_of, upload

READ = [
    ("num_inference_steps", "5.0", 5),
    ("num_inference_steps", "+5", 5),
    ("num_inference_steps", " 5 ", 5),
    ("num_inference_steps", "1e1", 10),
    ("guidance_scale", "1e1", 10.0),
    ("guidance_scale", "+7.5", 7.5),
    ("width", "64.0", 64),
    ("height", "6.4e1", 64),
    ("seed", "9223372036854775807.0", 2**63 - 1),
]
REFUSED = [
    ("num_inference_steps", "5.5", "not '5.5'."),
    ("num_inference_steps", "1e3", "not 1000."),
    ("num_inference_steps", "nan", "not 'nan'."),
    ("guidance_scale", "1e400", "not '1e400'."),
    ("guidance_scale", "inf", "not 'inf'."),
    ("guidance_scale", "9" * 5000, "must be a number from 0 to 50"),
    ("width", "64.5", "width must be a multiple of 8 from 16 to 128 pixels."),
    ("seed", "-2", "not -2."),
    ("seed", "-1.5", "not '-1.5'."),
    ("seed", "1e400", "not '1e400'."),
    ("seed", "9" * 5000, "must be a whole number from 0 to 9223372036854775807"),
]


def asked_for(patient, by_hand, field, text):
    """What the page's job asks the generator for."""
    job = job_of(by_hand, upload(patient, **{field: text}))
    by_hand.captioner.step()
    return getattr(job.request, field)


@pytest.mark.parametrize(("field", "text", "number"), READ)
def test_each_spelling_of_a_number_is_read(client, patient, by_hand, field, text, number):
    fields = {"prompt": "x", field: text}
    assert client.get("/generate-image", query_string=fields).json[field] == number
    assert asked_for(patient, by_hand, field, text) == number


@pytest.mark.parametrize(("field", "text", "sentence"), REFUSED, ids=lambda text: text[:24])
def test_what_is_no_number_for_a_field_is_refused_in_its_words(
    patient, by_hand, field, text, sentence
):
    by_query = patient.get("/generate-image", query_string={"prompt": "x", field: text})
    by_form = upload(patient, headers=JSON, **{field: text})
    for response in (by_query, by_form):
        assert (response.status_code, response.json["field"]) == (400, field)
        assert sentence in response.json["error"]
    said = by_form.json
    said.pop("problems", None)  # for the page's fields
    assert by_query.json == said
    assert by_hand.generator.stats().jobs == 0


def test_a_seed_of_minus_one_is_drawn_at_random(client, patient, by_hand):
    answers = [client.get("/generate-image?prompt=x&seed=-1") for _ in range(2)]
    seeds = [answer.json["seed"] for answer in answers]
    seeds += [asked_for(patient, by_hand, "seed", "-1") for _ in range(2)]
    assert len(set(seeds)) == 4
    assert min(seeds) >= 0
