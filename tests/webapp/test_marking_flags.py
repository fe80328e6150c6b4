"""What flags say of marking reaches the painter, and nothing is loaded that is not wanted."""

import subprocess
import sys

import pytest
from content_credentials import credentials_of, needs_c2pa

from models_cache.advice import CannotStart
from models_cache.catalog import Family
from models_cache.flags import Memory, Models
from webapp.__main__ import make_services, read_marking
from webapp.models import ModelPair
from webapp.settings import Settings

pytestmark = [pytest.mark.demo, pytest.mark.slow]

PIXEL = (
    b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01\0\0\0\x01\x08\0\0\0\0:~\x9bU\0\0\0\nIDATx\x9cc`\0\0"
    b"\0\x02\0\x01H\xaf\xa4q\0\0\0\0IEND\xaeB`\x82"
)

READ = """
import sys
from webapp.__main__ import read_marking
from webapp.settings import Settings
read_marking(Settings())
print(sorted({"c2pa", "cryptography"} & set(sys.modules)))
"""


@pytest.fixture(scope="module")
def models():
    return ModelPair.choose(Models.DEMO, dict.fromkeys(Family), "cpu", Memory.AUTO)


def marking_of(settings, models):
    return make_services(settings, models, marking=read_marking(settings)).generator.info.marking


def test_an_image_is_marked_unless_it_is_not_to_be(models):
    assert marking_of(Settings(), models).is_on
    assert not marking_of(Settings(no_marking=True), models).is_on
    assert make_services(Settings(), models).generator.info.marking.sign is None


@needs_c2pa
def test_with_a_key_the_painter_s_images_are_signed(models, tmp_path):
    marking = marking_of(Settings(c2pa_key=tmp_path / "c2pa.pem"), models)
    signed = marking.signed(PIXEL, "image/png", "a model")
    assert credentials_of(signed, "image/png")["validation_state"] == "Valid"


def test_without_the_extra_a_key_is_refused_with_what_to_type(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "c2pa", None)
    monkeypatch.delitem(sys.modules, "webapp.content_credentials", raising=False)
    with pytest.raises(CannotStart) as error:
        read_marking(Settings(c2pa_key=tmp_path / "c2pa.pem"))
    assert str(error.value) == (
        "--c2pa-key needs c2pa-python, and that is not installed."
        " Start with: scripts/serve --with c2pa"
    )
    assert list(tmp_path.iterdir()) == []


def test_without_a_key_nothing_of_it_is_loaded():
    done = subprocess.run([sys.executable, "-c", READ], capture_output=True, timeout=120)
    assert done.stdout == b"[]\n", done.stderr
