"""What browsers and programs do with the app, and what they read in its answers."""

import base64
import html
import re
from collections.abc import Mapping
from io import BytesIO

from fakes import FAKE_INFO
from PIL import Image
from werkzeug.test import TestResponse

from generator.job import Job
from webapp.captioning import captioned
from webapp.order import Order

JSON = {"Accept": "application/json"}
SECONDS = 10
CAPTION = "a picture of 20x10"  # what the fake captioner calls the picture below


def picture(width=20, height=10, color="green", kind="PNG", **options) -> bytes:
    file = BytesIO()
    Image.new("RGB", (width, height), color).save(file, kind, **options)
    return file.getvalue()


def data_url(data: bytes) -> str:
    return f"data:image/png;base64,{base64.b64encode(data).decode()}"


def upload(
    client, data: bytes | None = None, headers: Mapping[str, str] | None = None, **fields
) -> TestResponse:
    """The form, sent; of a picture that the fake captioner calls "a picture of 20x10"."""
    file = (BytesIO(picture() if data is None else data), "holiday.png")
    form = {"image": file, **fields}
    response = client.post("/", data=form, headers=headers, content_type="multipart/form-data")
    response.request.environ["wsgi.input"].close()  # of a large one, a file that it leaves open
    return response


def visit(client, path: str, method: str = "GET", **options) -> TestResponse:
    """The answer, read to its end."""
    with client.open(path, method=method, **options) as response:
        response.get_data()
        return response


def job_of(services, response: TestResponse):
    """The job that an upload started."""
    assert response.status_code == 303, alert(response)
    return services.jobs.get(response.location.removeprefix("/jobs/")).job


def an_order(images: int = 1, seed: int = 0, **parameters: object) -> Order:
    """For as many images of one prompt, whose seeds count up."""
    seeds = range(seed, seed + images)
    return Order(tuple(FAKE_INFO.request("x", seed=each, **parameters) for each in seeds), "x")


def caption_of(job: Job) -> str | None:
    """What the captioner said of a job's picture, so far."""
    said = captioned(job)
    return said and said.caption


def alert(response: TestResponse) -> str | None:
    """The sentence that a page shows in its red box; None without one."""
    box = r'<p (?:id="told" )?class="notice error" role="alert">(.*?)</p>'
    found = re.search(box, response.text, re.DOTALL)
    return html.unescape(found[1]) if found else None


def value_of(response: TestResponse, field: str) -> str:
    """What a field of the form holds."""
    found = re.search(rf'name="{field}"[^>]* value="([^"]*)"', response.text)
    assert found, f"the form has no {field}"
    return html.unescape(found[1])


def words_in(response: TestResponse) -> str:
    """The words of a job's page, which can be edited."""
    found = re.search(r"<textarea[^>]* name=\"prompt\"[^>]*>(.*?)</textarea>", response.text)
    assert found, "the page has no words"
    return html.unescape(found[1])


def assert_form_again(response, status, sentence):
    assert response.status_code == status
    assert alert(response) == sentence
    assert 'type="file"' in response.text
    assert "Retry-After" in response.headers or status not in (429, 503)


def assert_no_job(services):
    assert services.generator.stats().jobs == 0
    assert not services.jobs.are_awaited()
