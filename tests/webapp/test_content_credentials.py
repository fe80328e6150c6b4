"""Signed files, as c2pa's own reader reads them."""

import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from io import BytesIO

import pytest
from content_credentials import NEEDS_C2PA, credentials_of
from exiftool import metadata_of, needs_exiftool
from fakes import FAKE_INFO
from PIL import Image

from generator.image_bytes import MIMETYPES, encoded
from generator.job import Succeeded
from generator.marking import Marking
from models_cache.advice import CannotStart
from webapp.infotext import fields_of

pytestmark = NEEDS_C2PA

REQUEST = FAKE_INFO.request("a red house", seed=7)
IMAGE = Image.effect_noise((300, 200), 60).convert("RGB")
# Opening the key signs a first image.
SIGN = """
import pathlib, sys
from webapp.content_credentials import ContentCredentials
ContentCredentials.open(pathlib.Path(sys.argv[1]))
print("signed")
"""
SELF_SIGNED = ["signingCredential.untrusted"]


@pytest.fixture(scope="module")
def credentials(tmp_path_factory):
    from webapp.content_credentials import ContentCredentials

    return ContentCredentials.open(tmp_path_factory.mktemp("signing") / "c2pa.pem")


def file_of(format, sign=None):
    info = replace(FAKE_INFO, name='a "model", ü', marking=Marking(sign=sign))
    return encoded(Succeeded(IMAGE), REQUEST, info, format)


def action_of(said):
    manifest = said["manifests"][said["active_manifest"]]
    [actions] = [a for a in manifest["assertions"] if a["label"].startswith("c2pa.actions")]
    [action] = actions["data"]["actions"]
    return action


@pytest.mark.parametrize("format", MIMETYPES)
def test_a_signed_file_says_which_model_made_it_and_its_signature_holds(credentials, format):
    said = credentials_of(file_of(format, credentials.sign), MIMETYPES[format])
    assert said["validation_state"] == "Valid"
    assert [each["code"] for each in said["validation_status"]] == SELF_SIGNED
    action = action_of(said)
    assert action["action"] == "c2pa.created"
    assert action["digitalSourceType"].endswith("/digitalsourcetype/trainedAlgorithmicMedia")
    assert action["softwareAgent"]["name"] == 'a "model", ü'


@pytest.mark.parametrize("format", MIMETYPES)
def test_a_signature_changes_no_pixel_and_is_small(credentials, format):
    plain, signed = file_of(format), file_of(format, credentials.sign)
    first, second = (Image.open(BytesIO(data)).tobytes() for data in (plain, signed))
    assert first == second
    assert 2000 < len(signed) - len(plain) < 5000


@needs_exiftool
@pytest.mark.parametrize("format", MIMETYPES)
def test_the_xmp_and_the_parameters_stay_beside_the_signature(credentials, format):
    said = metadata_of(file_of(format, credentials.sign))
    assert said["XMP:DigitalSourceType"].endswith("/trainedAlgorithmicMedia")
    text = said.get("PNG:Parameters") or said["EXIF:UserComment"]
    assert text.startswith("a red house\n")


def test_a_signed_png_still_offers_its_words_to_the_page(credentials):
    assert fields_of(file_of("png", credentials.sign))["prompt"] == "a red house"


def test_whoever_changes_a_signed_file_is_found_out(credentials):
    signed = bytearray(file_of("jpeg", credentials.sign))
    signed[-100] ^= 1
    said = credentials_of(bytes(signed), "image/jpeg")
    assert said["validation_state"] == "Invalid"


def test_many_threads_sign_at_once(credentials):
    data = file_of("jpeg")
    with ThreadPoolExecutor(8) as threads:
        jobs = [threads.submit(credentials.sign, data, "image/jpeg", "x") for _ in range(40)]
        signed = [job.result() for job in jobs]
    assert len(set(signed)) == 40
    assert {credentials_of(each, "image/jpeg")["validation_state"] for each in signed} == {"Valid"}


def test_what_cannot_be_signed_is_an_error_and_the_image_goes_out(credentials, caplog):
    assert Marking(sign=credentials.sign).signed(b"no image", "image/png", "x") == b"no image"
    [line] = caplog.messages
    assert line.startswith("an image goes out without a signature: ")
    assert "\n" not in line


def test_a_key_and_a_certificate_that_do_not_belong_together_are_refused(tmp_path):
    from webapp.content_credentials import ContentCredentials
    from webapp.signing_key import SigningKey

    one, other = (SigningKey.read(tmp_path / name) for name in ("one", "other"))
    mixed = tmp_path / "mixed"
    mixed.write_bytes(one.private + other.certificates)
    with pytest.raises(CannotStart, match="cannot sign"):
        ContentCredentials.open(mixed)


@pytest.mark.slow
def test_signing_needs_no_network(tmp_path):
    command = [sys.executable, "-c", SIGN, str(tmp_path / "c2pa.pem")]
    without = ["unshare", "--map-root-user", "--net"]
    if shutil.which("unshare") is None or subprocess.run([*without, "true"]).returncode:
        pytest.skip("this system lets nobody make a network namespace")
    done = subprocess.run([*without, *command], capture_output=True, text=True, timeout=60)
    assert done.stdout == "signed\n", done.stderr
