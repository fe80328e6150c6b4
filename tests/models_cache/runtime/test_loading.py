"""Progress is of bytes that were read, and each is read once."""

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from models_cache.catalog import Checkpoint, Family
from models_cache.local_checkpoint import LocalCheckpoint
from models_cache.runtime import loading
from models_cache.runtime.loading import ConstructionLock, LoadProgress, load_warm
from models_cache.runtime.model_thread import OtherModelFailed


def checkpoint(files) -> LocalCheckpoint:
    known = Checkpoint("a model", Family.SDXL)
    return LocalCheckpoint(known, Path(), (), files, {})


@pytest.fixture
def progress(tmp_path, monkeypatch) -> LoadProgress:
    monkeypatch.setattr(loading, "BLOCK_BYTES", 64)
    sizes = {"unet": (1000, 500), "vae": (100,), "text_encoder_2": (7,)}
    files = {}
    for component, of_files in sizes.items():
        files[component] = [tmp_path / f"{component}-{size}" for size in of_files]
        for path, size in zip(files[component], of_files, strict=True):
            path.write_bytes(bytes(size))
    return LoadProgress(checkpoint(files))


def test_nothing_is_loaded_at_first(progress):
    assert (progress.loaded_bytes, progress.total_bytes, progress.stage) == (0, 1607, "")


def test_progress_moves_while_files_are_read_and_every_byte_counts_once(progress):
    seen = []

    class Watching(LoadProgress):
        @property
        def loaded_bytes(self):
            return self._loaded

        @loaded_bytes.setter
        def loaded_bytes(self, value):
            self._loaded = value
            seen.append((value, self.stage))

    Watching(checkpoint(progress.files)).read()
    assert seen[-1] == (1607, "reading the text encoder 2")
    assert seen == sorted(seen, key=lambda each: each[0])
    assert len(seen) > 20
    stages = list(dict.fromkeys(stage for _, stage in seen if stage))
    assert stages == ["reading the UNet", "reading the VAE", "reading the text encoder 2"]


# The construction of several.


def test_models_are_made_one_at_a_time_and_none_is_used_before_the_last_is_made(progress):
    lock, log = ConstructionLock(2), []

    def load(name: str) -> None:
        with lock.construction(progress):
            log.append(f"{name} begins")
            log.append(f"{name} ends")
        log.append(f"{name} computes")

    with ThreadPoolExecutor(2) as threads:
        list(threads.map(load, "ab"))
    made, used = log[:4], log[4:]
    assert made in (
        ["a begins", "a ends", "b begins", "b ends"],
        ["b begins", "b ends", "a begins", "a ends"],
    )
    assert sorted(used) == ["a computes", "b computes"]


def test_where_one_fails_the_other_does_not_wait_for_ever(progress):
    lock = ConstructionLock(2)

    def fail() -> None:
        with lock.construction(progress):
            raise RuntimeError("a tensor of another shape")

    def succeed() -> None:
        with lock.construction(progress):
            pass

    with ThreadPoolExecutor(2) as threads:
        failed, other = threads.submit(fail), threads.submit(succeed)
    assert isinstance(failed.exception(), RuntimeError)
    assert isinstance(other.exception(), OtherModelFailed)


def test_where_the_files_of_one_cannot_be_read_the_other_does_not_wait_either(progress):
    lock, broken = ConstructionLock(2), LoadProgress(checkpoint(progress.files))
    broken.files = {"unet": [progress.files["unet"][0].with_name("gone")]}

    def load(progress: LoadProgress) -> None:
        with lock.construction(progress):
            pass

    with ThreadPoolExecutor(2) as threads:
        failed, other = threads.submit(load, broken), threads.submit(load, progress)
    assert isinstance(failed.exception(), FileNotFoundError)
    assert isinstance(other.exception(), OtherModelFailed)


def test_one_alone_waits_for_nobody(progress):
    with ConstructionLock().construction(progress):
        assert progress.stage == "moving to the device"
        assert progress.loaded_bytes == progress.total_bytes
    with ConstructionLock().warming(progress):
        assert progress.stage == "warming up"


# Their warm-ups.


class Warm:
    """A model that notes when it is warmed up."""

    def __init__(self, log, error=None):
        self.log = log
        self.error = error

    def warm_up(self):
        self.log.append("begins")
        time.sleep(0.02)  # for another to come in between
        self.log.append("ends")
        if self.error:
            raise self.error


def load_all(models, progress):
    """What each fails of, loaded by threads that share a lock."""
    lock, placement = ConstructionLock(len(models)), SimpleNamespace(device=torch.device("cpu"))

    def load(model):
        load_warm(lambda *_: model, checkpoint(progress.files), placement, progress, lock)
        model.log.append("works")

    with ThreadPoolExecutor(len(models)) as threads:
        futures = [threads.submit(load, each) for each in models]
    return [each.exception() for each in futures]


def test_models_are_warmed_up_one_at_a_time_and_none_works_before_the_last_is_warm(progress):
    """What is tried then is timed."""
    log = []
    load_all([Warm(log), Warm(log)], progress)
    assert log == ["begins", "ends", "begins", "ends", "works", "works"]


def test_where_one_cannot_be_warmed_up_the_other_does_not_wait_for_ever(progress):
    error, log = RuntimeError("no kernel"), []
    found = load_all([Warm(log, error), Warm(log)], progress)
    assert found[0] is error
    assert isinstance(found[1], OtherModelFailed)
