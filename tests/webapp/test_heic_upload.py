"""What the form says of HEIC pictures: as much as the server can read."""

import re

import pytest

from webapp import studio


@pytest.mark.parametrize("is_installed", [True, False])
def test_the_form_offers_heic_where_it_is_read(client, monkeypatch, is_installed):
    """An iPhone sends a JPEG instead where HEIC is not offered."""
    monkeypatch.setattr(studio, "open_heif", object() if is_installed else None)
    page = client.get("/").text
    accept = re.search('accept="([^"]*)"', page)[1].split(",")
    assert ("image/heic" in accept) is is_installed
    assert (".heic" in accept) is is_installed
    assert ("TIFF or HEIC, up to" in page) is is_installed
    assert ("BMP or TIFF, up to" in page) is not is_installed
