"""What a visitor's browser fetches of a page beside its pictures, as a proxy would send it."""

import gzip
from pathlib import Path

import pytest

import webapp

STATIC = Path(webapp.__file__).parent / "static"


def weight(text):
    return len(gzip.compress(text if isinstance(text, bytes) else text.encode()))


def test_the_scripts_are_small():
    assert sum(weight(file.read_bytes()) for file in STATIC.glob("*.js")) < 15_000


@pytest.mark.parametrize("path", ["/", "/about"])
def test_a_page_without_its_pictures_is_light(client, path):
    files = [*STATIC.glob("*.js"), *STATIC.glob("*.css"), *STATIC.glob("*.svg")]
    total = weight(client.get(path).text) + sum(weight(file.read_bytes()) for file in files)
    assert total < 60_000
