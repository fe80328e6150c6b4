"""What a user may mean by a name: a folder, an id on the hub, or neither."""

import contextlib
import re
from dataclasses import replace

import pytest
from checkpoints import write, write_blip

from models_cache import catalog
from models_cache.advice import CheckpointError, Fault
from models_cache.catalog import BLIP_LARGE, DEMO_CAPTIONER, SDXL_BASE, Checkpoint, Family, File

OLD = "2227ac38c9f16105cb0412e7cab4759978a8fd90"
# A model of the hub that we do not know, and one of which we know it all.
UNKNOWN = Checkpoint("org/blip", Family.BLIP, repository="org/blip")
PINNED = replace(BLIP_LARGE, files=(File("vocab.txt", 16),))


@contextlib.contextmanager
def raises(fault, match=None):
    with pytest.raises(CheckpointError, match=match) as caught:
        yield caught
    assert caught.value.fault is fault


def test_a_folder_is_taken_before_an_id_of_the_same_name(store, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folder = write_blip(tmp_path / "org" / "blip")
    assert store.named("org/blip", Family.BLIP) == Checkpoint("blip", Family.BLIP, folder=folder)


def test_the_demo_is_known_by_its_folder(store):
    folder = write_blip(store.folder / "demo" / "captioner")
    assert store.named(f"{folder}/", Family.BLIP) is DEMO_CAPTIONER
    with raises(Fault.UNSUITABLE):
        store.named(str(folder), Family.SDXL)


def test_the_home_folder_may_be_written_as_a_tilde(store, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    folder = write_blip(tmp_path / "blip")
    assert store.named("~/blip", Family.BLIP).folder == folder


def test_what_we_know_is_known_by_its_id(store):
    for checkpoint in catalog.FULL:
        assert store.named(checkpoint.repository, checkpoint.family) is checkpoint


def test_another_id_is_taken_with_defaults_that_say_little(store):
    checkpoint = store.named("org/sdxl-turbo_1.0", Family.SDXL)
    assert checkpoint.repository == checkpoint.name == "org/sdxl-turbo_1.0"
    assert (checkpoint.num_inference_steps, checkpoint.guidance_scale) == (30, 5.0)
    assert checkpoint.licence == "see its own page"
    assert not checkpoint.is_demo


def test_a_known_id_of_the_other_family_is_refused_before_anybody_fetches_it(store):
    with raises(Fault.UNSUITABLE, match="of the SDXL family, not BLIP"):
        store.named(SDXL_BASE.repository, Family.BLIP)


@pytest.mark.parametrize("name", ["gpt2", "/no/where", "./here", "../org/blip", "a/b/c", "a b/c"])
def test_what_is_neither_folder_nor_id_is_missing(store, name):
    with raises(Fault.MISSING, match=f"There is no folder {re.escape(repr(name))}, and an id"):
        store.named(name, Family.BLIP)


def test_a_name_too_long_for_a_file_is_missing(store):
    with raises(Fault.MISSING, match="cannot be opened: File name too long"):
        store.named("x" * 300, Family.BLIP)


def test_a_single_file_is_no_checkpoint(store, tmp_path):
    write(tmp_path / "sdxl.safetensors", b"")
    with raises(Fault.UNSUITABLE, match=r"sdxl.safetensors is a file. Name a folder"):
        store.named(str(tmp_path / "sdxl.safetensors"), Family.SDXL)
