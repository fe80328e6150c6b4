import hashlib
import json
import shutil
import threading
from dataclasses import replace
from types import SimpleNamespace

import pytest
from checkpoints import safetensors_bytes, snapshot, write, write_blip, write_sdxl

from models_cache import records
from models_cache.advice import CannotFetch, CheckpointError
from models_cache.catalog import Checkpoint, Family, File
from models_cache.download import Download
from models_cache.hub import Hub
from models_cache.store import Store

pytestmark = pytest.mark.slow

COMMIT = "c" * 40
BLIP = Checkpoint("org/blip", Family.BLIP, repository="org/blip")
SDXL = Checkpoint("org/sdxl", Family.SDXL, repository="org/sdxl")
# A record that names a folder outside the cache.
ELSEWHERE = b'{"family": "BLIP", "revision": "../../x", "licence": "mit", "files": {}}'
BLIP_FILES = [
    "config.json",
    "model.safetensors",
    "preprocessor_config.json",
    "tokenizer_config.json",
    "vocab.txt",
]


@pytest.fixture
def blip(hub, tmp_path):
    return hub.publish("org/blip", write_blip(tmp_path / "published" / "blip"))


@pytest.fixture
def sdxl(hub, tmp_path):
    return hub.publish("org/sdxl", write_sdxl(tmp_path / "published" / "sdxl"))


def pinned(published) -> Checkpoint:
    """A checkpoint of which the catalog knows everything."""
    files = tuple(
        File(path, len(content), hashlib.sha256(content).hexdigest())
        for path, content in published.files.items()
    )
    return replace(BLIP, revision=published.commit, files=files, licence="BSD-3-Clause")


def test_what_was_fetched_is_found_whole_and_recorded(download, store, hub, blip, sdxl):
    download.make_whole([BLIP, SDXL])
    for checkpoint, published in ((BLIP, blip), (SDXL, sdxl)):
        folder = store.locate(checkpoint).folder
        assert folder == snapshot(store.hub, checkpoint.repository, COMMIT)
        recorded = records.read(store.hub, checkpoint.repository)
        assert recorded.revision == COMMIT
        assert recorded.licence == "mit"
        for file in recorded.files:
            content = published.files[file.path]
            assert (folder / file.path).read_bytes() == content
            assert file.size_bytes == len(content)
            assert file.sha256 == hashlib.sha256(content).hexdigest()


def test_before_anything_is_fetched_it_is_said_what_how_large_where_and_under_which_licence(
    download, store, said, blip
):
    blip.files["model.safetensors"] = safetensors_bytes(tensor_bytes=1_500_000)
    download.make_whole([BLIP])
    assert said.lines == [
        f"Fetching org/blip: 5 files, 1.5 MB, into {store.hub}. Licence: mit.",
        f"org/blip is here and whole: {store.locate(BLIP).folder}",
    ]


def test_the_second_time_nothing_is_asked(download, hub, said, blip):
    download.make_whole([BLIP])
    hub.requests.clear()
    said.lines.clear()
    download.make_whole([BLIP])
    assert not hub.requests
    assert len(said.lines) == 1


def test_the_weights_come_last(download, hub, blip):
    blip.files["model.safetensors"] = safetensors_bytes(tensor_bytes=100_000)
    download.make_whole([BLIP])
    assert hub.fetched()[0] == "config.json"
    assert hub.fetched()[-1] == "model.safetensors"


def test_of_an_unknown_repository_only_what_loading_opens_is_fetched(download, store, sdxl):
    needed = set(sdxl.files)
    for other in (
        "sd_xl_base_1.0.safetensors",
        "unet/diffusion_pytorch_model.safetensors",
        "unet/model.onnx",
        "text_encoder/flax_model.msgpack",
        "vae_1_0/diffusion_pytorch_model.fp16.safetensors",
        "README.md",
    ):
        sdxl.files[other] = b"large"
    download.make_whole([SDXL])
    folder = store.locate(SDXL).folder
    there = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert there == needed


def test_later_downloads_and_starts_keep_to_the_recorded_commit(download, store, hub, blip):
    download.make_whole([BLIP])
    blip.commit = "d" * 40
    newer = write_blip(snapshot(store.user_cache, "org/blip", "d" * 40))
    assert store.locate(BLIP).folder == snapshot(store.hub, "org/blip", COMMIT)
    shutil.rmtree(store.hub / "models--org--blip")
    with pytest.raises(CheckpointError):
        store.locate(BLIP)
    blip.commit = COMMIT
    download.make_whole([BLIP])
    assert store.locate(BLIP).folder == snapshot(store.hub, "org/blip", COMMIT) != newer


def test_a_commit_that_is_gone_from_the_hub_is_named_as_such(download, store, blip):
    download.make_whole([BLIP])
    shutil.rmtree(store.hub / "models--org--blip")
    blip.commit = "d" * 40
    with pytest.raises(CannotFetch, match="does not have all of org/blip at the commit"):
        download.make_whole([BLIP])


def test_a_pinned_commit_is_fetched_whatever_main_is(download, store, hub, blip):
    checkpoint = pinned(blip)
    download.make_whole([checkpoint])
    assert store.locate(checkpoint).folder.name == COMMIT
    assert not any("/main" in request for request in hub.requests)
    assert records.read(store.hub, "org/blip").licence == "BSD-3-Clause"


def test_a_digest_that_the_catalog_does_not_know_is_recorded_at_the_first_download(
    download, store, blip
):
    weights = blip.files["model.safetensors"]
    known = pinned(blip)
    files = tuple(
        File(file.path, file.size_bytes) if file.path == "model.safetensors" else file
        for file in known.files
    )
    checkpoint = replace(known, files=files)
    download.make_whole([checkpoint])
    recorded = {file.path: file for file in store.pinned(checkpoint).files}
    assert recorded["model.safetensors"].sha256 == hashlib.sha256(weights).hexdigest()


def test_a_whole_copy_in_the_users_cache_is_enough(download, store, hub, tmp_path, blip):
    theirs = write_blip(snapshot(store.user_cache, "org/blip", COMMIT))
    download.make_whole([pinned(blip)])
    assert store.locate(pinned(blip)).folder == theirs
    assert not hub.requests


def test_an_older_revision_in_the_users_cache_is_enough(download, store, hub, blip):
    older = write_blip(snapshot(store.user_cache, "org/blip", "2" * 40))
    download.make_whole([pinned(blip)])
    assert store.locate(pinned(blip)).folder == older
    assert not hub.requests


def test_only_what_neither_cache_has_is_fetched(download, store, hub, blip):
    theirs = write_blip(snapshot(store.user_cache, "org/blip", COMMIT))
    (theirs / "vocab.txt").unlink()
    ours = snapshot(store.hub, "org/blip", COMMIT)
    write(ours / "tokenizer_config.json", blip.files["tokenizer_config.json"])
    download.make_whole([pinned(blip)])
    assert hub.fetched() == ["vocab.txt"]
    assert store.locate(pinned(blip)).folder == ours
    assert not (theirs / "vocab.txt").exists()
    assert (ours / "model.safetensors").readlink() == theirs / "model.safetensors"


def test_what_was_borrowed_from_the_users_cache_and_is_gone_is_fetched(download, store, hub, blip):
    theirs = write_blip(snapshot(store.user_cache, "org/blip", COMMIT))
    (theirs / "vocab.txt").unlink()
    download.make_whole([pinned(blip)])
    (theirs / "model.safetensors").unlink()
    with pytest.raises(CheckpointError, match=r"model.safetensors .*is missing"):
        store.locate(pinned(blip))
    hub.requests.clear()
    download.make_whole([pinned(blip)])
    assert hub.fetched() == ["model.safetensors"]
    assert store.locate(pinned(blip)).folder.is_relative_to(store.hub)


def test_a_damaged_file_of_the_users_cache_is_left_there_and_fetched_into_ours(
    download, store, hub, blip
):
    theirs = write_blip(snapshot(store.user_cache, "org/blip", COMMIT))
    damaged = theirs / "model.safetensors"
    damaged.write_bytes(damaged.read_bytes()[:-1] + b"\1")
    before = damaged.read_bytes()
    download.make_whole([pinned(blip)])
    assert hub.fetched() == ["model.safetensors"]
    assert damaged.read_bytes() == before
    ours = store.locate(pinned(blip)).folder
    assert ours.is_relative_to(store.hub)
    assert (ours / "model.safetensors").read_bytes() == blip.files["model.safetensors"]


def test_a_download_that_was_not_finished_is_not_found(download, store, blip):
    write_blip(snapshot(store.hub, "org/blip", COMMIT))
    with pytest.raises(
        CheckpointError, match=r"The download of org/blip was not finished\. To fetch"
    ):
        store.locate(pinned(blip))


def test_a_whole_copy_that_somebody_carried_here_needs_no_hub(download, store, hub, blip):
    write_blip(snapshot(store.hub, "org/blip", COMMIT))
    download.make_whole([pinned(blip)])
    assert store.locate(pinned(blip)).folder
    assert not hub.requests


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"{}", ELSEWHERE])
def test_a_damaged_record_is_said_and_written_anew(download, store, blip, content):
    download.make_whole([BLIP])
    path = records.path_of(store.hub, "org/blip")
    path.write_bytes(content)
    with pytest.raises(Exception, match=r"org--blip.json .*To write it again:\n    scripts/down"):
        store.locate(BLIP)
    download.make_whole([BLIP])
    assert json.loads(path.read_text())["revision"] == COMMIT


@pytest.mark.parametrize("how", ["cut", "empty", "flipped", "gone"])
def test_a_file_that_was_damaged_later_is_fetched_again_alone(download, store, hub, blip, how):
    download.make_whole([BLIP])
    file = (store.locate(BLIP).folder / "model.safetensors").resolve()
    content = file.read_bytes()
    damage = {"cut": content[:-7], "empty": b"", "flipped": content[:-1] + b"\1"}
    file.unlink()
    if how in damage:
        file.write_bytes(damage[how])
    hub.requests.clear()
    download.make_whole([BLIP])
    assert hub.fetched() == ["model.safetensors"]
    assert (store.locate(BLIP).folder / "model.safetensors").read_bytes() == content


def test_too_little_disk_space_is_said_before_anything_is_fetched(
    download, store, hub, blip, sdxl, monkeypatch
):
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=1_234))
    with pytest.raises(CannotFetch) as caught:
        download.make_whole([BLIP, SDXL])
    total = sum(len(each) for files in (blip.files, sdxl.files) for each in files.values())
    assert str(caught.value) == (
        f"{total / 1e3:.1f} kB are to be fetched into {store.hub}, and its disk has 1.2 kB left:"
        " make room. Then run:\n"
        "    scripts/download_models --captioner org/blip --generator org/sdxl"
    )
    assert not hub.fetched()


def test_what_transfers_that_were_killed_left_is_room_for_the_next(
    download, store, blip, monkeypatch
):
    remains = store.hub / "models--org--blip" / "blobs" / "0.12345678.incomplete"
    write(remains, b"half")
    free = (10_000, 0)  # without them, and with them
    monkeypatch.setattr(
        shutil, "disk_usage", lambda _: SimpleNamespace(free=free[remains.exists()])
    )
    download.make_whole([BLIP])
    assert not remains.exists()


def test_two_at_once_on_an_empty_cache_both_end_well_and_fetch_once(store, hub, blip):
    together = threading.Barrier(2)
    ends = []

    def run() -> None:
        said: list[str] = []
        together.wait()
        Download(Store(store.folder, store.user_cache), Hub(hub.url), said.append).make_whole(
            [BLIP]
        )
        ends.append(said[-1])

    threads = [threading.Thread(target=run) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert ends == [f"org/blip is here and whole: {store.locate(BLIP).folder}"] * 2
    assert sorted(hub.fetched()) == BLIP_FILES
