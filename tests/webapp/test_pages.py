"""The form, and everything that can be sent with it, by browsers and by others."""

import pytest
from fakes import FakeBlip
from web_client import JSON, SECONDS, alert, job_of, picture, upload, value_of

import captioner.engine
from generator.engine import STOPPING
from generator.job import Succeeded
from webapp import FORM_BYTES, create_app, examples
from webapp.captioning import caption_of
from webapp.job_store import JobStore
from webapp.services import Services
from webapp.settings import Settings

MEBIBYTE = 2**20
NO_FILE = "No picture was chosen: choose a file first."
TOO_LARGE = "The upload is too large: send a picture of at most 20 MB."
MULTIPART = "multipart/form-data; boundary=frontier"


def form_data(*parts):
    """A multipart body; a part is the text behind ``form-data; `` and its content."""
    lines = []
    for disposition, content in parts:
        head = f"--frontier\r\nContent-Disposition: form-data; {disposition}\r\n\r\n".encode()
        lines += [head, content, b"\r\n"]
    return b"".join(lines) + b"--frontier--\r\n"


def assert_form_again(response, status, sentence):
    assert response.status_code == status
    assert alert(response) == sentence
    assert 'type="file"' in response.text
    assert "Retry-After" in response.headers or status not in (429, 503)


def assert_no_job(services):
    assert services.generator.stats().jobs == 0
    assert not services.jobs.are_awaited()


def test_the_form_asks_for_a_picture_and_shows_the_models_defaults(client):
    response = client.get("/")
    assert response.status_code == 200
    assert response.mimetype == "text/html"
    assert alert(response) is None
    assert 'enctype="multipart/form-data"' in response.text
    assert 'placeholder="4"' in response.text  # steps
    assert 'placeholder="5.0"' in response.text  # guidance


def test_an_upload_is_sent_to_its_jobs_page_at_once(patient, by_hand):
    response = upload(patient)
    assert response.status_code == 303
    job = job_of(by_hand, response)
    assert response.location == f"/jobs/{job.id}"
    assert job.status == "captioning"


def test_an_upload_becomes_a_caption_and_an_image(client, services):
    job = job_of(services, upload(client))
    outcome = job.wait(SECONDS)
    assert caption_of(job) == "a picture of 20x10"
    assert isinstance(outcome, Succeeded)
    assert outcome.image.size == (64, 64)


def test_the_options_of_the_form_reach_the_request(client, services):
    parameters = {
        "negative_prompt": "text, café",
        "num_inference_steps": "2",
        "guidance_scale": "1.5",
        "seed": "7",
        "width": "32",
        "height": "48",
    }
    job = job_of(services, upload(client, **parameters))
    job.wait(SECONDS)
    request = job.request
    assert {name: str(getattr(request, name)) for name in parameters} == parameters


def test_a_blank_field_takes_its_default(client, services):
    blank = dict.fromkeys(("negative_prompt", "num_inference_steps", "guidance_scale", "seed"), " ")
    job = job_of(services, upload(client, **blank))
    job.wait(SECONDS)
    assert job.request.negative_prompt is None
    assert job.request.num_inference_steps == 4


def test_two_uploads_without_a_seed_get_two(client, services):
    jobs = [job_of(services, upload(client)) for _ in range(2)]
    for job in jobs:
        job.wait(SECONDS)
    assert jobs[0].request.seed != jobs[1].request.seed


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF"])
def test_pictures_of_every_kind_are_read_whatever_their_name(patient, kind):
    assert upload(patient, picture(kind=kind)).status_code == 303


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "The file is empty"),
        (b"hello", "not an image of a known format"),
        (b"<html></html>", "a web page"),
        (picture()[:40], "damaged, incomplete"),
        (picture(kind="JPEG")[:200], "damaged, incomplete"),
    ],
)
def test_a_file_that_is_no_picture_shows_the_form_again_with_one_sentence(
    patient, by_hand, data, words
):
    response = upload(patient, data)
    assert words in alert(response)
    assert_form_again(response, 400, alert(response))
    assert_no_job(by_hand)


@pytest.mark.parametrize(
    ("field", "text", "sentence"),
    [
        ("num_inference_steps", "0", "Steps must be a whole number from 1 to 200, not 0."),
        ("num_inference_steps", "many", "Steps must be a whole number from 1 to 200, not 'many'."),
        ("guidance_scale", "nan", "Guidance must be a number from 0 to 50, not 'nan'."),
        ("seed", "-2", "Seed must be a whole number from 0 to 9223372036854775807, not -2."),
        ("negative_prompt", "x" * 3000, "Avoid has 3000 characters: at most 2000 are allowed."),
    ],
)
def test_a_wrong_value_is_told_by_its_fields_label_and_what_was_typed_stays(
    patient, by_hand, field, text, sentence
):
    typed = {"negative_prompt": 'a "frame"', "seed": "7", field: text}
    response = upload(patient, **typed)
    assert_form_again(response, 400, sentence)
    assert f"<label>{sentence.split()[0]}\n" in response.text
    assert {name: value_of(response, name) for name in typed} == typed
    assert "<details open>" in response.text
    assert_no_job(by_hand)


@pytest.mark.parametrize(
    ("field", "sentence"),
    [
        ("width", "width must be a multiple of 8 from 16 to 128 pixels."),
        ("height", "height must be a multiple of 8 from 16 to 128 pixels."),
        ("prompt", "prompt is the picture's caption: leave this field out."),
        ("colour", "'colour' is not known here"),
        ("self", "'self' is not known here"),
        ("image", "'image' is not known here"),
        ("%0A\0", r"'%0A\x00' is not known here"),
    ],
)
def test_fields_that_no_form_of_ours_has_are_read_or_refused_by_name(patient, field, sentence):
    body = form_data(('name="image"; filename="a.png"', picture()), (f'name="{field}"', b"63"))
    response = patient.post("/", data=body, content_type=MULTIPART)
    assert response.status_code == 400
    assert alert(response).startswith(sentence)


def test_what_was_typed_is_escaped(patient):
    attack = '"><script>alert(1)</script>'
    response = upload(patient, seed=attack, negative_prompt=attack)
    assert response.status_code == 400
    assert "<script>alert" not in response.text
    assert value_of(response, "seed") == attack
    assert "script" in alert(response)


def test_text_that_is_not_utf_8_is_no_500(patient, by_hand):
    body = form_data(
        ('name="image"; filename="\xff\x00\x1b[31m.png"', picture()),
        ('name="negative_prompt"', b"caf\xe9 \xed\xa0\x80"),
    )
    response = patient.post("/", data=body, content_type=MULTIPART)
    job = job_of(by_hand, response)
    by_hand.captioner.step()
    assert job.request.negative_prompt.startswith("caf\ufffd ")


def test_a_file_name_is_neither_kept_nor_shown(patient, by_hand):
    body = form_data(('name="image"; filename="../../<script>.png"', picture()))
    response = patient.post("/", data=body, content_type=MULTIPART)
    job_of(by_hand, response)
    assert "script>.png" not in patient.get(response.location).text


BODIES_WITHOUT_A_PICTURE = [
    (b"", None),
    (b"", MULTIPART),
    (form_data(), MULTIPART),
    (picture(), "multipart/form-data"),
    (picture(), "multipart/form-data; boundary="),
    (picture(), "multipart/form-data; boundary=\xe9"),
    (picture(), MULTIPART),
    (picture(), "application/x-www-form-urlencoded"),
    (b"image=%FF%00&\xff=\xff", "application/x-www-form-urlencoded"),
    (b"example", "application/x-www-form-urlencoded"),
    (picture(), "image/png"),
    (b"[" * 10_000, "application/json"),
    (b"x", "multipart/form-data; boundary=x; charset=no-such"),
    (form_data(('name="image"', picture())), MULTIPART),
    (form_data(('name="image"; filename=""', b"")), MULTIPART),
    (form_data(('name="file"; filename="a.png"', picture())), MULTIPART),
    (form_data(('filename="a.png"', picture())), MULTIPART),
    (form_data(('name="image"; filename="a.png"', picture()))[:60], MULTIPART),
    (b"--frontier\r\n" + b"\r" * 100_000, MULTIPART),
]


def test_a_body_without_a_picture_is_told_that_none_was_chosen(patient):
    for data, content_type in BODIES_WITHOUT_A_PICTURE:
        assert_form_again(patient.post("/", data=data, content_type=content_type), 400, NO_FILE)


@pytest.mark.parametrize("content_type", [MULTIPART, "application/x-www-form-urlencoded"])
def test_an_upload_over_the_limit_is_refused_in_our_words(patient, content_type):
    body = b"--frontier\r\n" + bytes(21 * MEBIBYTE)
    response = patient.post("/", data=body, content_type=content_type)
    assert_form_again(response, 413, TOO_LARGE)


def test_a_picture_of_exactly_the_size_that_the_form_promises_is_read(by_hand):
    client = create_app(Settings(max_upload_mb=1), by_hand).test_client()
    page = client.get("/").text
    assert "up to 1 MB" in page
    assert 'data-max-mb="1"' in page
    largest = picture().ljust(MEBIBYTE, b"\0")
    assert upload(client, largest, negative_prompt="x" * 2000).status_code == 303
    response = upload(client, largest + bytes(FORM_BYTES))
    assert_form_again(response, 413, TOO_LARGE.replace("20 MB", "1 MB"))


def test_a_picture_with_line_ends_where_the_parser_reads_on_is_no_long_field(client):
    assert upload(client, picture() + b"\r\n" * 100_000).status_code == 303


@pytest.mark.parametrize(
    "fields", [{"negative_prompt": "x" * 70_000}, {f"field{number}": "x" for number in range(20)}]
)
def test_a_form_of_too_much_text_is_refused_and_its_picture_not_blamed(patient, fields):
    response = upload(patient, **fields)
    assert_form_again(
        response,
        413,
        "The form's fields are too many or too long: send the picture and its options alone.",
    )


def test_a_full_queue_says_when_to_come_back_and_keeps_what_was_typed(patient, by_hand):
    for _ in range(by_hand.generator.max_jobs):
        by_hand.generator.reserve()
    response = upload(patient, seed="7")
    assert_form_again(response, 429, "The queue is full: try again in 10 seconds.")
    assert response.headers["Retry-After"] == "10"
    assert value_of(response, "seed") == "7"


@pytest.mark.parametrize("engine", ["captioner", "generator"])
def test_a_closed_engine_is_a_503_that_says_when_to_come_back(patient, by_hand, engine):
    getattr(by_hand, engine).close()
    response = upload(patient)
    assert_form_again(response, 503, STOPPING)
    assert response.headers["Retry-After"] == "60"
    assert_no_job(by_hand)


def test_a_program_that_asks_for_json_gets_its_errors_as_json(patient):
    response = upload(patient, headers=JSON, seed="x")
    assert response.status_code == 400
    assert response.json["field"] == "seed"
    assert response.json["error"].startswith("seed must be")
    response = upload(patient, headers=JSON, num_inference_steps="0")
    assert response.json["field"] == "num_inference_steps"
    assert response.json["error"].startswith("num_inference_steps must be")
    assert patient.post("/", headers=JSON).json == {"error": NO_FILE, "field": None}


def test_an_example_is_captioned_like_an_upload(client, services):
    assert examples.names()
    for name in examples.names():
        assert f'value="{name}"' in client.get("/").text
        job = job_of(services, client.post("/", data={"example": name}))
        assert job.wait(SECONDS)


def test_every_example_has_a_button_and_its_picture_can_be_had(client):
    page = client.get("/").text
    for name in examples.names():
        address = f"/static/examples/{examples.file_name(name)}"
        assert address in page
        with client.get(address) as response:
            assert response.mimetype == "image/png"


def test_examples_are_for_the_demo_models_alone(client, patient):
    assert "drawn scenes like these, not photos" in client.get("/").text
    assert "drawn scenes" not in patient.get("/").text
    assert 'name="example"' not in patient.get("/").text


@pytest.mark.parametrize(
    "name",
    [
        "nothing of ours",
        "../icon.svg",
        "../../pages.py",
        "/etc/passwd",
        "\0",
        "..",
        "%2e%2e",
        "<b>",
    ],
)
def test_an_example_that_is_none_of_ours_is_refused_and_no_path_is_made_of_it(patient, name):
    response = patient.post("/", data={"example": name})
    assert_form_again(response, 400, "There is no such example: choose one of those shown.")


def test_a_caption_of_markup_is_text(by_hand):
    attack = '<script>alert(1)</script>" onerror="alert(2)'

    class Attacker(FakeBlip):
        def caption_batch(self, requests):
            return [attack for _ in requests]

    services = Services(captioner.engine.Engine(Attacker()), by_hand.generator, JobStore())
    app = create_app(Settings(), services)
    client = app.test_client()
    response = upload(client)
    job = job_of(services, response)
    services.captioner.step()
    waiting = client.get(response.location).text
    while not job.is_finished:
        services.generator.step()
    for page in (waiting, client.get(response.location).text):
        assert "<script>alert" not in page
        assert '" onerror' not in page
        assert "&lt;script&gt;alert(1)" in page
    events = client.get(f"{response.location}/events").text
    assert len(events.splitlines()) == 4 * len(job.events) + 2


def test_looking_at_the_form_costs_nothing(patient, by_hand):
    assert patient.head("/").status_code == 200
    assert patient.get("/?prompt=x&seed=1").status_code == 200
    assert_no_job(by_hand)
