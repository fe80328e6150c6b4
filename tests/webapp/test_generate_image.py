"""``GET /generate-image``: what it answers, what it refuses, and who pays for it."""

import base64
from io import BytesIO

import pytest
from fakes import FakeSDXL
from PIL import Image

from generator.png import read_parameters
from generator.sentences import MODEL_FAILED
from models_cache.runtime.model_thread import STOPPING

KEYS = {
    "image",
    "prompt",
    "negative_prompt",
    "seed",
    "num_inference_steps",
    "guidance_scale",
    "width",
    "height",
    "unseen_words",
}


def ask(client, **fields):
    return client.get("/generate-image", query_string=fields)


def ask_raw(client, query: bytes):
    """With the query's bytes as they are, as WSGI servers hand them over."""
    environ = {"QUERY_STRING": query.decode("latin-1")}
    return client.get("/generate-image", environ_overrides=environ)


def png_of(response):
    return base64.b64decode(response.json["image"], validate=True)


def test_a_prompt_becomes_an_image_in_base64(client):
    response = ask(client, prompt="a red house", seed=7)
    assert response.status_code == 200
    assert response.mimetype == "application/json"
    assert response.json.keys() == KEYS
    image = Image.open(BytesIO(png_of(response)))
    image.load()
    assert (image.format, image.size, image.getpixel((0, 0))) == ("PNG", (64, 64), (7, 100, 200))


def test_the_answer_says_what_was_drawn_in_the_words_that_ask_for_it(client):
    fields = {
        "prompt": "a café, 猫",
        "negative_prompt": "text",
        "seed": 2**63 - 1,
        "num_inference_steps": 2,
        "guidance_scale": 1.5,
        "width": 32,
        "height": 48,
    }
    answer = ask(client, **fields).json
    assert {name: answer[name] for name in fields} == fields
    assert answer["unseen_words"] == []


def test_what_is_not_asked_for_takes_the_models_defaults(client):
    answer = ask(client, prompt="x").json
    assert answer["negative_prompt"] is None
    assert (answer["num_inference_steps"], answer["guidance_scale"]) == (4, 5.0)
    assert (answer["width"], answer["height"]) == (64, 64)
    assert 0 <= answer["seed"] < 2**32


def test_the_answer_can_be_asked_for_again_and_is_the_same_image(client):
    first = ask(client, prompt="x")
    again = ask(client, prompt="x", seed=first.json["seed"])
    assert again.json == first.json


def test_a_seed_that_is_not_asked_for_is_drawn_anew(client):
    assert ask(client, prompt="x").json["seed"] != ask(client, prompt="x").json["seed"]


def test_the_png_carries_its_parameters(client):
    parameters = read_parameters(png_of(ask(client, prompt="a red house", seed=7)))
    assert (parameters["Prompt"], parameters["Seed"]) == ("a red house", "7")


def test_an_empty_negative_prompt_and_none_differ(client):
    assert ask(client, prompt="x").json["negative_prompt"] is None
    assert ask(client, prompt="x", negative_prompt="").json["negative_prompt"] == ""


def test_words_that_the_encoders_never_saw_are_named(patient, by_hand):
    class Shortsighted(FakeSDXL):
        def prepare(self, requests):
            samples = super().prepare(requests)
            for sample in samples:
                sample.unseen_words = tuple(sample.request.prompt.split()[3:])
            return samples

    by_hand.generator._model = Shortsighted()
    by_hand.generator.start()
    try:
        answer = ask(patient, prompt="a red house by the sea").json
    finally:
        by_hand.generator.close()
    assert answer["unseen_words"] == ["by", "the", "sea"]


@pytest.mark.parametrize("query", ["prompt=café 猫", "prompt=caf%C3%A9%20%E7%8C%AB"])
def test_utf_8_is_read_escaped_or_as_it_is(client, query):
    assert ask_raw(client, query.encode()).json["prompt"] == "café 猫"


SIZE = "must be a multiple of 8 from 16 to 128 pixels."
STEPS = "num_inference_steps must be a whole number from 1 to 200, not "
GUIDANCE = "guidance_scale must be a number from 0 to 50, not "
SEED = "seed must be a whole number from 0 to 9223372036854775807, not "
NAMES = "use prompt, width, height, num_inference_steps, guidance_scale, seed, negative_prompt."


@pytest.mark.parametrize(
    ("query", "field", "sentence"),
    [
        ("", "prompt", "prompt is missing: say what to draw."),
        ("prompt=", "prompt", "prompt is empty: say what to draw."),
        ("prompt=+%20%0a", "prompt", "prompt is empty: say what to draw."),
        ("prompt=&prompt=x", "prompt", "prompt is empty: say what to draw."),
        ("prompt=" + "x" * 10_000, "prompt", "prompt has 10000 characters: at most 2000 are"),
        ("prompt=%ED%A0%80", "prompt", "prompt holds half of a surrogate pair"),
        ("prompt=%FF", "prompt", "send valid UTF-8."),
        ("prompt=\xff", "prompt", "send valid UTF-8."),
        ("negative_prompt=%FF", "negative_prompt", "send valid UTF-8."),
        ("negative_prompt=" + "x" * 2001, "negative_prompt", "at most 2000 are allowed."),
        ("width=abc", "width", f"width {SIZE}"),
        ("width=63", "width", f"width {SIZE}"),
        ("width=", "width", f"width {SIZE}"),
        ("width=136", "width", f"width {SIZE}"),
        ("width=64.5", "width", f"width {SIZE}"),
        ("height=8", "height", f"height {SIZE}"),
        ("height=-64", "height", f"height {SIZE}"),
        ("height=" + "9" * 5000, "height", f"height {SIZE}"),
        ("num_inference_steps=0", "num_inference_steps", f"{STEPS}0."),
        ("num_inference_steps=201", "num_inference_steps", f"{STEPS}201."),
        ("num_inference_steps=1e3", "num_inference_steps", f"{STEPS}1000."),
        ("num_inference_steps=5.5", "num_inference_steps", f"{STEPS}'5.5'."),
        ("num_inference_steps=１２", "num_inference_steps", f"{STEPS}'１２'."),
        ("guidance_scale=nan", "guidance_scale", f"{GUIDANCE}'nan'."),
        ("guidance_scale=inf", "guidance_scale", f"{GUIDANCE}'inf'."),
        ("guidance_scale=-1", "guidance_scale", f"{GUIDANCE}-1.0."),
        ("guidance_scale=50.1", "guidance_scale", f"{GUIDANCE}50.1."),
        ("seed=-2", "seed", f"{SEED}-2."),
        ("seed=9223372036854775808", "seed", f"{SEED}9223372036854775808."),
        ("seed=true", "seed", f"{SEED}'true'."),
        ("steps=4", "steps", f"'steps' is not known here: {NAMES}"),
        ("Width=64", "Width", f"'Width' is not known here: {NAMES}"),
        ("self=1", "self", f"'self' is not known here: {NAMES}"),
        ("%FF=1", "\udcff", rf"'\udcff' is not known here: {NAMES}"),
        ("<script>=1", "<script>", f"'<script>' is not known here: {NAMES}"),
    ],
    ids=lambda text: text[:24],
)
def test_bad_input_is_a_400_that_names_the_field_and_says_what_is_right(
    patient, by_hand, query, field, sentence
):
    if query and not query.startswith("prompt"):
        query = f"prompt=x&{query}"
    raw = query.encode("latin-1" if query.endswith("\xff") else "utf-8")
    response = ask_raw(patient, raw)
    assert response.status_code == 400
    assert response.mimetype == "application/json"
    assert response.json.keys() == {"error", "field"}
    assert response.json["field"] == field
    assert sentence in response.json["error"]
    assert by_hand.generator.stats().jobs == 0


def test_errors_are_json_whatever_the_client_accepts(patient):
    for headers in ({}, {"Accept": "text/html"}, {"Accept": "*/*"}):
        response = patient.get("/generate-image", headers=headers)
        assert response.json == {
            "error": "prompt is missing: say what to draw.",
            "field": "prompt",
        }
        response = patient.post("/generate-image", headers=headers)
        assert response.status_code == 405
        assert "GET" in response.headers["Allow"]
        assert response.json == {"error": "This address takes other methods.", "field": None}


def test_looking_costs_nothing(patient, by_hand):
    response = patient.head("/generate-image?prompt=x")
    assert (response.status_code, response.data) == (200, b"")
    response = patient.options("/generate-image?prompt=x")
    assert "GET" in response.headers["Allow"]
    assert by_hand.generator.stats().jobs == 0


def test_no_browser_keeps_the_answer_or_asks_in_advance(client):
    assert ask(client, prompt="x").headers["Cache-Control"] == "no-store"


def test_a_full_queue_is_a_429_that_says_when_to_come_back(patient, by_hand):
    for _ in range(by_hand.generator.max_jobs):
        by_hand.generator.reserve()[0]
    response = ask(patient, prompt="x")
    assert response.status_code == 429
    assert response.headers["Retry-After"] == "10"
    assert response.json == {"error": "The queue is full: try again in 10 seconds.", "field": None}


def test_a_closed_engine_is_a_503_that_says_when_to_come_back(patient, by_hand):
    by_hand.generator.close()
    response = ask(patient, prompt="x")
    assert response.status_code == 503
    assert response.headers["Retry-After"] == "60"
    assert response.json == {"error": STOPPING, "field": None}


def test_an_engine_that_closes_meanwhile_is_a_503_that_says_when_to_come_back(patient, by_hand):
    def closes():
        by_hand.generator.end("The models could not be loaded.")
        return False

    response = patient.get(
        "/generate-image?prompt=x", environ_overrides={"waitress.client_disconnected": closes}
    )
    assert response.status_code == 503
    assert response.headers["Retry-After"] == "60"
    assert response.json == {"error": "The models could not be loaded.", "field": None}


@pytest.mark.parametrize("stage", ["prepare", "denoise", "scheduler", "decode"])
def test_a_model_that_fails_is_a_500_with_a_plain_sentence(client, stage):
    response = ask(client, prompt=f"fails in {stage}")
    assert response.status_code == 500
    assert response.json == {"error": MODEL_FAILED, "field": None}
    assert ask(client, prompt="x").status_code == 200


def test_a_client_who_leaves_cancels_the_job_before_its_next_step(patient, by_hand):
    steps = []

    def has_left():
        by_hand.generator.step()
        steps.append(by_hand.generator.stats().total_steps)
        return len(steps) == 3

    response = patient.get(
        "/generate-image?prompt=x&num_inference_steps=50",
        environ_overrides={"waitress.client_disconnected": has_left},
    )
    assert response.status_code == 499
    assert steps[:3] == [1, 2, 3]
    by_hand.generator.step()
    assert by_hand.generator.stats().total_steps <= 4
    assert by_hand.generator.stats().jobs == 0


def test_a_client_who_leaves_while_it_waits_for_its_turn_is_never_served(patient, by_hand):
    patient.get(
        "/generate-image?prompt=x",
        environ_overrides={"waitress.client_disconnected": lambda: True},
    )
    by_hand.generator.step()
    assert by_hand.generator.model.batches == []


def test_a_client_who_stays_is_not_cancelled(client):
    response = client.get(
        "/generate-image?prompt=x",
        environ_overrides={"waitress.client_disconnected": lambda: False},
    )
    assert response.status_code == 200
