"""The drawn scenes that the page offers to try."""

import pytest
from web_client import SECONDS, assert_form_again, job_of

from webapp import examples


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
