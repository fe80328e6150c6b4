"""Bodies that no form of ours sends: odd fields, no picture, too much of everything."""

import pytest
from shared_app import client_of
from web_client import JSON, alert, assert_form_again, job_of, picture, upload

from webapp import FORM_BYTES
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


@pytest.mark.parametrize(
    ("field", "sentence"),
    [
        ("width", "width must be a multiple of 8 from 16 to 128 pixels."),
        ("height", "height must be a multiple of 8 from 16 to 128 pixels."),
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


def test_a_part_without_a_name_is_refused_as_one_of_no_name_that_is_known(patient, by_hand):
    body = form_data(('name="image"; filename="a.png"', picture()), ("", b"63"))
    response = patient.post("/", data=body, content_type=MULTIPART)
    assert response.status_code == 400
    assert alert(response).startswith("'' is not known here: use prompt, ")
    job = job_of(by_hand, upload(patient))
    again = patient.post(f"/jobs/{job.id}/again", data=body, content_type=MULTIPART)
    assert again.status_code == 400


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
    client = client_of(by_hand, Settings(max_upload_mb=1))
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
    "fields", [{"negative_prompt": "x" * 70_000}, {f"field{number}": "x" for number in range(30)}]
)
def test_a_form_of_too_much_text_is_refused_and_its_picture_not_blamed(patient, fields):
    response = upload(patient, **fields)
    assert_form_again(
        response,
        413,
        "The form's fields are too many or too long: send the picture and its options alone.",
    )


def test_a_program_that_asks_for_json_gets_its_errors_as_json(patient):
    response = upload(patient, headers=JSON, seed="x")
    assert response.status_code == 400
    assert response.json["field"] == "seed"
    assert response.json["error"].startswith("seed must be")
    response = upload(patient, headers=JSON, num_inference_steps="0")
    assert response.json["field"] == "num_inference_steps"
    assert response.json["error"].startswith("num_inference_steps must be")
    assert patient.post("/", headers=JSON).json == {"error": NO_FILE, "field": None}
