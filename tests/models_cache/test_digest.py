import hashlib

import pytest
from checkpoints import safetensors_bytes, write

from models_cache import whole
from models_cache.catalog import File

CONTENT = safetensors_bytes(tensor_bytes=3_000_000)
SHA256 = hashlib.sha256(CONTENT).hexdigest()
GIT = hashlib.sha1(b"blob %d\0" % len(CONTENT) + CONTENT).hexdigest()


@pytest.fixture(autouse=True)
def _small_buffer(monkeypatch):
    monkeypatch.setattr(whole, "BUFFER_BYTES", 2**20)


def damages(folder, *files):
    return [damage.problem for _, damage in whole.damaged(folder, files, "test")]


@pytest.mark.parametrize("bit", [0, 1, 8 * 2**20, 8 * 2**20 - 1, 8 * len(CONTENT) - 1])
def test_one_flipped_bit_is_found_wherever_it_is(tmp_path, bit):
    file = File("a/model.safetensors", len(CONTENT), SHA256)
    write(tmp_path / file.path, CONTENT)
    assert not damages(tmp_path, file)
    changed = bytearray(CONTENT)
    changed[bit // 8] ^= 1 << (bit % 8)
    write(tmp_path / file.path, bytes(changed))
    assert damages(tmp_path, file) == [
        f"{tmp_path}/a/model.safetensors is damaged: its bytes are not those that were published"
    ]


def test_another_size_is_told_with_both(tmp_path):
    write(tmp_path / "a", b"cut")
    assert damages(tmp_path, File("a", 2_000, SHA256)) == [
        f"{tmp_path}/a has 3 bytes instead of 2,000"
    ]


@pytest.mark.parametrize("name", [SHA256, GIT])
def test_in_a_hub_cache_the_name_of_the_blob_is_its_digest(tmp_path, name):
    blob, link = tmp_path / "blobs" / name, tmp_path / "snapshot" / "model.safetensors"
    write(blob, CONTENT)
    link.parent.mkdir()
    link.symlink_to(f"../blobs/{name}")
    file = File("model.safetensors")
    assert whole.expected(file, link) == name
    assert not damages(link.parent, file)
    write(blob, CONTENT[:-1] + b"\1")
    assert len(damages(link.parent, file)) == 1


def test_a_blob_that_is_a_link_into_a_shared_store_keeps_its_own_name(tmp_path):
    blob, link = tmp_path / "blobs" / SHA256, tmp_path / "snapshot" / "model.safetensors"
    write(tmp_path / "shared" / ("f" * 64), CONTENT)
    blob.parent.mkdir()
    blob.symlink_to(f"../shared/{'f' * 64}")
    link.parent.mkdir()
    link.symlink_to(f"../blobs/{SHA256}")
    assert not damages(link.parent, File("model.safetensors"))


def test_what_has_no_known_digest_is_taken_for_whole(tmp_path):
    write(tmp_path / "a", b"anything")
    assert not damages(tmp_path, File("a"))


def test_an_empty_file_has_a_digest(tmp_path):
    write(tmp_path / "a", b"")
    assert not damages(tmp_path, File("a", 0, hashlib.sha256().hexdigest()))
