"""Every address that gives a painted image gives one that says so, and the flag turns it off."""

import base64
import html
import json
from dataclasses import replace
from io import BytesIO

import pytest
from fakes import FAKE_INFO, FakeBlip, PreviewingSDXL
from PIL import Image
from shared_app import client_of
from web_client import job_of, picture, upload

import captioner.engine
import generator.engine
from generator.marking import Marking
from webapp.job_store import JobStore
from webapp.services import Services

WORD = b"digitalsourcetype/trainedAlgorithmicMedia"
PAINTED = ("image.png", "thumbnail.jpg", "preview.jpg")


def xmp_of(data):
    with Image.open(BytesIO(data)) as image:
        return image.info.get("xmp", b"")


@pytest.fixture
def marking():
    return Marking()


@pytest.fixture
def painter(marking):
    """It runs, and paints previews."""
    info = replace(FAKE_INFO, marking=marking)
    engine = generator.engine.Engine(PreviewingSDXL(info), info=info)
    engine.start()
    yield engine
    engine.close()


@pytest.fixture
def services(painter):
    words = captioner.engine.Engine(FakeBlip())
    words.start()
    yield Services(words, painter, JobStore())
    words.close()


@pytest.fixture
def client(services):
    return client_of(services)


def painted(client, services, data=None):
    job = job_of(services, upload(client, data or picture()))
    job.wait(10)
    return job


def answers(client, job):
    asked = client.get("/generate-image?prompt=a+red+house")
    files = [client.get(f"/jobs/{job.id}/{name}").data for name in PAINTED]
    return [*files, base64.b64decode(json.loads(asked.data)["image"])]


def test_every_painted_picture_says_so_and_an_upload_does_not(client, services):
    job = painted(client, services)
    assert [WORD in xmp_of(data) for data in answers(client, job)] == [True] * 4
    assert WORD not in client.get(f"/jobs/{job.id}/original.jpg").data


@pytest.mark.parametrize("marking", [Marking(is_on=False)])
def test_without_marking_none_says_so(client, services):
    assert [xmp_of(data) for data in answers(client, painted(client, services))] == [b""] * 4


@pytest.mark.parametrize("marking", [Marking(sign=lambda data, mimetype, model: data + b"signed")])
def test_what_can_be_saved_is_signed(client, services):
    image, _, _, from_api = answers(client, painted(client, services))
    assert image.endswith(b"signed")
    assert from_api.endswith(b"signed")


def test_the_thumbnail_of_an_upload_is_not_marked(patient, by_hand):
    job = job_of(by_hand, upload(patient))
    assert xmp_of(patient.get(f"/jobs/{job.id}/thumbnail.jpg").data) == b""


def test_what_an_upload_says_of_itself_goes_nowhere(client, services):
    exif = Image.Exif()
    exif[0x010E] = "my secret garden"
    file = BytesIO()
    xmp = b"<x:xmpmeta xmlns:x='adobe:ns:meta/'>my secret garden</x:xmpmeta>"
    Image.new("RGB", (40, 30)).save(file, "JPEG", exif=exif, xmp=xmp)
    assert file.getvalue().count(b"secret") == 2
    job = painted(client, services, file.getvalue())
    names = [*PAINTED, "original.jpg"]
    assert not [n for n in names if b"secret" in client.get(f"/jobs/{job.id}/{n}").data]


def test_the_pages_say_beside_the_image_that_a_model_made_it(client, services):
    job = painted(client, services)
    page = html.unescape(client.get(f"/jobs/{job.id}").text)
    assert ">Painted by a model</p>" in page
    assert "<dt>Its file says</dt><dd>a model made it</dd>" in page
    assert "made by a model" in client.get(f"/jobs/{job.id}/full-screen").text
    assert "Every image file says" in client.get("/about").text


@pytest.mark.parametrize("marking", [Marking(is_on=False)])
def test_without_marking_the_page_still_says_it_and_speaks_of_no_file(client, services):
    page = client.get(f"/jobs/{painted(client, services).id}").text
    assert ">Painted by a model</p>" in page
    assert "Its file says" not in page
    assert "Image files do not say that a model made them." in client.get("/about").text
