"""The key that signs images: made once, whole, for its owner alone."""

import os
from datetime import UTC, datetime, timedelta

import pytest
from content_credentials import NEEDS_C2PA
from sudden_death import DEATHS, die

from models_cache.advice import CannotStart

pytestmark = NEEDS_C2PA


@pytest.fixture
def read():
    from webapp.signing_key import SigningKey

    return SigningKey.read


def test_a_key_is_made_once_and_nobody_else_can_read_it(tmp_path, read, capsys):
    file, before = tmp_path / "c2pa.pem", os.umask(0)
    try:
        key = read(file)
    finally:
        os.umask(before)
    assert file.stat().st_mode & 0o777 == 0o600
    assert capsys.readouterr().err == f"Made {file}, the key that signs images.\n"
    assert read(file) == key
    assert capsys.readouterr().err == ""
    assert os.listdir(tmp_path) == ["c2pa.pem"]
    assert b"PRIVATE" not in repr(key).encode()


def test_no_two_are_equal(tmp_path, read):
    assert read(tmp_path / "one").private != read(tmp_path / "other").private


def test_the_certificate_is_of_that_key_and_lasts(tmp_path, read):
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    key = read(tmp_path / "c2pa.pem")
    certificate = x509.load_pem_x509_certificate(key.certificates)
    private = load_pem_private_key(key.private, None)
    assert certificate.public_key() == private.public_key()
    assert certificate.not_valid_after_utc > datetime.now(UTC) + timedelta(days=20 * 365)


@pytest.mark.parametrize("death", DEATHS)
def test_who_is_killed_while_it_is_written_leaves_none(tmp_path, read, death):
    file = tmp_path / "c2pa.pem"
    die(death, lambda: read(file))
    assert not file.exists()
    assert read(file)


@pytest.mark.parametrize("text", ["", "keys\n", "-----BEGIN PRIVATE KEY-----\nMII=\n"])
def test_what_is_no_key_is_refused_and_left_as_it_was(tmp_path, read, text):
    file = tmp_path / "c2pa.pem"
    file.write_text(text)
    with pytest.raises(CannotStart, match="c2pa.pem is not one private key and its certificate"):
        read(file)
    assert file.read_text() == text


def test_a_folder_that_is_not_there_is_named(tmp_path, read):
    with pytest.raises(CannotStart, match=r"nowhere/c2pa.pem cannot be read: No such file"):
        read(tmp_path / "nowhere" / "c2pa.pem")
