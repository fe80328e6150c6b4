import contextlib
import os
import shlex
import shutil
import socket
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from checkpoints import point_main_at, snapshot, write, write_blip, write_sdxl

from models_cache import catalog, records
from models_cache.advice import CheckpointError, Fault
from models_cache.catalog import BLIP_LARGE, DEMO_CAPTIONER, SDXL_BASE, Checkpoint, Family, File
from models_cache.local_checkpoint import LocalCheckpoint
from models_cache.records import Manifest

OLD = "2227ac38c9f16105cb0412e7cab4759978a8fd90"
# A model of the hub that we do not know, and one of which we know it all.
UNKNOWN = Checkpoint("org/blip", Family.BLIP, repository="org/blip")
PINNED = replace(BLIP_LARGE, files=(File("vocab.txt", 16),))


def record(store, checkpoint, revision) -> None:
    """As the end of a download into our own cache does."""
    files = (File("vocab.txt", 16, "0" * 64),)
    records.write(
        store.hub, Manifest(checkpoint.repository, checkpoint.family, revision, "mit", files)
    )


@contextlib.contextmanager
def raises(fault, match=None):
    with pytest.raises(CheckpointError, match=match) as caught:
        yield caught
    assert caught.value.fault is fault


def commands(error):
    return [shlex.split(line) for line in str(error.value).splitlines() if line.startswith("    ")]


def test_a_pinned_revision_is_found_in_either_cache_and_ours_comes_first(store):
    theirs = write_blip(snapshot(store.user_cache, PINNED.repository, PINNED.revision))
    own = write_blip(snapshot(store.hub, PINNED.repository, PINNED.revision))
    assert store.locate(PINNED).folder == theirs
    record(store, PINNED, PINNED.revision)
    assert store.locate(PINNED).folder == own


def test_another_revision_serves_where_the_pinned_one_is_not(store):
    some = write_blip(snapshot(store.user_cache, PINNED.repository, "0" * 40))
    assert store.locate(PINNED).folder == some
    main = write_blip(snapshot(store.user_cache, PINNED.repository, OLD))
    point_main_at(store.user_cache, PINNED.repository, OLD)
    assert store.locate(PINNED).folder == main
    pinned = write_blip(snapshot(store.user_cache, PINNED.repository, PINNED.revision))
    assert store.locate(PINNED).folder == pinned


def test_an_unknown_id_is_found_at_main(store):
    write_blip(snapshot(store.user_cache, "org/blip", "0" * 40))
    main = write_blip(snapshot(store.user_cache, "org/blip", OLD))
    point_main_at(store.user_cache, "org/blip", OLD)
    assert store.locate(UNKNOWN).folder == main


def test_an_incomplete_copy_is_passed_over_for_a_whole_one(store):
    cut = write_blip(snapshot(store.hub, PINNED.repository, PINNED.revision))
    record(store, PINNED, PINNED.revision)
    (cut / "model.safetensors").unlink()
    whole = write_blip(snapshot(store.user_cache, PINNED.repository, PINNED.revision))
    assert store.locate(PINNED).folder == whole


def test_files_that_are_links_into_blobs_are_followed(store):
    folder = write_blip(snapshot(store.user_cache, "org/blip", OLD))
    blob = store.user_cache / "models--org--blip" / "blobs" / "1234"
    blob.parent.mkdir()
    (folder / "model.safetensors").rename(blob)
    (folder / "model.safetensors").symlink_to(blob)
    assert store.locate(UNKNOWN).folder == folder
    blob.unlink()
    with raises(Fault.MISSING, match=r"model.safetensors or model.fp16.safetensors is missing"):
        store.locate(UNKNOWN)


def test_what_is_nowhere_is_missing_and_the_command_fetches_it(store):
    with raises(Fault.MISSING) as caught:
        store.locate(SDXL_BASE)
    assert str(caught.value).splitlines()[0] == (
        "stabilityai/stable-diffusion-xl-base-1.0"
        " (6.9 GB, 6.9 GB on a GPU, licence: CreativeML Open RAIL++-M)"
        " is not on this machine. To fetch it:"
    )
    assert commands(caught) == [["scripts/download_models", "--generator", SDXL_BASE.repository]]
    assert caught.value.fetchable == (SDXL_BASE,)


def test_for_an_unknown_id_the_caches_that_were_searched_are_named(store):
    with raises(Fault.MISSING) as caught:
        store.locate(UNKNOWN)
    message = str(caught.value)
    assert message.startswith(
        f"org/blip is not on this machine: no folder, and not in {store.hub} and "
    )
    assert str(store.user_cache) in message
    assert commands(caught) == [["scripts/download_models", "--captioner", "org/blip"]]


@pytest.mark.parametrize("cache", ["ours", "theirs"])
def test_an_incomplete_copy_is_completed_by_the_same_command(store, cache):
    place = store.hub if cache == "ours" else store.user_cache
    folder = write_blip(snapshot(place, BLIP_LARGE.repository, BLIP_LARGE.revision))
    if cache == "ours":
        record(store, BLIP_LARGE, BLIP_LARGE.revision)
    (folder / "model.safetensors").unlink()
    with raises(Fault.MISSING, match="is missing. To fetch what is missing:") as caught:
        store.locate(BLIP_LARGE)
    assert commands(caught) == [["scripts/download_models", "--captioner", BLIP_LARGE.name]]


def test_a_damaged_file_is_mended_by_the_same_command(store):
    folder = write_blip(snapshot(store.user_cache, BLIP_LARGE.repository, OLD))
    write(folder / "model.safetensors", b"")
    with raises(Fault.DAMAGED) as caught:
        store.locate(BLIP_LARGE)
    assert str(caught.value) == (
        f"{folder}/model.safetensors is empty. To fetch that file again:\n"
        "    scripts/download_models --captioner Salesforce/blip-image-captioning-large"
    )


def test_damage_is_told_rather_than_incompleteness(store):
    cut = write_blip(snapshot(store.hub, "org/blip", OLD))
    (cut / "vocab.txt").unlink()
    record(store, UNKNOWN, OLD)
    write(snapshot(store.user_cache, "org/blip", OLD) / "config.json", b"")
    with raises(Fault.DAMAGED, match=r"config.json is empty"):
        store.locate(UNKNOWN)


def test_of_an_unknown_id_only_the_recorded_commit_counts(store):
    newer = write_blip(snapshot(store.user_cache, "org/blip", "9" * 40))
    assert store.locate(UNKNOWN).folder == newer
    record(store, UNKNOWN, OLD)
    with raises(Fault.MISSING):
        store.locate(UNKNOWN)
    recorded = write_blip(snapshot(store.user_cache, "org/blip", OLD))
    assert store.locate(UNKNOWN).folder == recorded


def test_recorded_sizes_are_checked_of_what_was_downloaded(store):
    ours = write_blip(snapshot(store.hub, "org/blip", OLD))
    record(store, UNKNOWN, OLD)
    assert store.locate(UNKNOWN).folder == ours
    write(ours / "vocab.txt", b"[PAD]\nred\nhou")
    with raises(Fault.DAMAGED, match=r"vocab.txt has 13 bytes instead of 16"):
        store.locate(UNKNOWN)


def test_recorded_sizes_are_checked_at_the_pinned_revision_only(store):
    pinned = write_blip(snapshot(store.user_cache, PINNED.repository, PINNED.revision))
    old = write_blip(snapshot(store.user_cache, PINNED.repository, OLD))
    for folder in (pinned, old):
        write(folder / "vocab.txt", b"[PAD]\nred\nhou")
    LocalCheckpoint.open(PINNED, old)
    with raises(Fault.DAMAGED, match=r"vocab.txt has 13 bytes instead of 16"):
        LocalCheckpoint.open(PINNED, pinned)


def test_the_demo_is_restored_from_git(store):
    with raises(Fault.MISSING, match=r"config.json is missing. To restore it:") as caught:
        store.locate(DEMO_CAPTIONER)
    assert commands(caught) == [["git", "checkout", "--", "models_cache/demo"]]
    folder = write_blip(store.folder / "demo" / "captioner")
    assert store.locate(DEMO_CAPTIONER).folder == folder
    write(folder / "vocab.txt", b"")
    with raises(Fault.DAMAGED, match=r"vocab.txt is empty. To restore it:") as caught:
        store.locate(DEMO_CAPTIONER)
    assert commands(caught) == [["git", "checkout", "--", "models_cache/demo"]]


def test_in_a_folder_of_the_users_own_the_file_is_for_the_user_to_mend(store, tmp_path):
    folder = write_sdxl(tmp_path / "my model")
    checkpoint = store.named(str(folder), Family.SDXL)
    assert store.locate(checkpoint).folder == folder
    write(folder / "vae" / "config.json", b"{")
    with raises(Fault.DAMAGED) as caught:
        store.locate(checkpoint)
    assert str(caught.value) == (
        f"{folder}/vae/config.json is not valid JSON."
        " Replace it with a whole copy, or name another folder."
    )
    (folder / "vae" / "config.json").unlink()
    with raises(Fault.MISSING) as caught:
        store.locate(checkpoint)
    assert str(caught.value) == (
        f"{folder}/vae/config.json is missing. Put it there, or name another folder."
    )


def test_a_folder_of_another_family_is_refused(store, tmp_path):
    folder = write_sdxl(tmp_path / "sdxl")
    with raises(Fault.UNSUITABLE, match=r"family, not BLIP .*\. Name another folder or hub"):
        store.locate(store.named(str(folder), Family.BLIP))


def test_a_file_that_cannot_be_read_is_damaged(store, tmp_path, monkeypatch):
    folder = write_blip(tmp_path / "blip")
    # The tests may run as root, whom no permission stops.
    denied = PermissionError(13, "Permission denied", str(folder / "config.json"))
    monkeypatch.setattr(Path, "read_text", lambda *_, **__: (_ for _ in ()).throw(denied))
    with raises(Fault.DAMAGED, match=r"config.json cannot be read: Permission denied\."):
        store.locate(store.named(str(folder), Family.BLIP))


def denied(function, path):
    """The function, refused this path: the tests may run as root, whom no permission stops."""

    def call(asked, *args, **options):
        if Path(asked) == path:
            raise PermissionError(13, "Permission denied", str(path))
        return function(asked, *args, **options)

    return call


@pytest.mark.parametrize("part", ["unet/diffusion_pytorch_model.fp16.safetensors", "vae"])
def test_weights_and_folders_that_another_user_alone_may_read_are_no_others(
    store, tmp_path, monkeypatch, part
):
    """By themselves the libraries say "None", and a folder that cannot be listed looks empty."""
    folder = write_sdxl(tmp_path / "sdxl")
    if part == "vae":
        shutil.rmtree(folder / "vae")
        (folder / "vae").mkdir()
    monkeypatch.setattr(os, "listdir", denied(os.listdir, folder / part))
    monkeypatch.setattr(Path, "open", denied(Path.open, folder / part))
    sentence = rf"{part} cannot be read: Permission denied\. Let the user who runs this read it\."
    with raises(Fault.DAMAGED, match=sentence):
        store.locate(store.named(str(folder), Family.SDXL))


def test_nothing_is_looked_up_in_the_network_and_nothing_is_written(store, tmp_path, monkeypatch):
    def refuse(*_, **__):
        raise AssertionError("a connection")

    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setattr(socket, "socket", refuse)
    for checkpoint in (*catalog.KNOWN, UNKNOWN):
        with pytest.raises(CheckpointError):
            store.locate(checkpoint)
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_the_users_cache_is_where_the_environment_says_and_no_model_library_is_imported(tmp_path):
    program = (
        "import sys; from models_cache import catalog, store; print(store.Store().user_cache);"
        "print({'torch', 'transformers', 'diffusers'} & set(sys.modules))"
    )
    run = subprocess.run(
        [sys.executable, "-c", program],
        env={"HF_HOME": str(tmp_path)},
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=True,
    )
    assert run.stdout.splitlines() == [str(tmp_path / "hub"), "set()"]


def test_of_our_own_download_every_file_must_be_there(store):
    ours = write_blip(snapshot(store.hub, "org/blip", OLD))
    record(store, UNKNOWN, OLD)
    write(ours / "tokenizer.json", {"model": {}})  # instead of vocab.txt
    (ours / "vocab.txt").unlink()
    with raises(Fault.MISSING, match=r"vocab.txt is missing\. To fetch what is missing:"):
        store.locate(UNKNOWN)
