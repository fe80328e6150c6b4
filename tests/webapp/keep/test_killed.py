"""Saving, killed at any moment: what is found afterwards is whole."""

import multiprocessing
import os
import random
import signal
import time
import warnings

import pytest
from fakes import FAKE_INFO
from PIL import Image
from web_client import an_order

from generator.job import Job, Queued, Succeeded
from webapp.job_store import JobStore, Original
from webapp.keep.archive import Archive

ROUNDS = 20
LARGE = 10**9
SIDE = 200


def save_on(folder, told):
    """Saves one job after the other, and removes each fifth, for ever."""
    archive, store = Archive.open(folder, LARGE, 30), JobStore()
    for number in range(10**6):
        job, order = Job(), an_order(seed=number)
        job.publish(Queued(order.requests[0]))
        store.add([job], Original(os.urandom(10_000), (1, 1)), order)
        archive.save(store.held(job.id), FAKE_INFO)
        image = Image.frombytes("RGB", (SIDE, SIDE), os.urandom(3 * SIDE**2))
        job.publish(Succeeded(image))
        archive.save(store.held(job.id), FAKE_INFO)
        if number % 5 == 4:
            archive.remove(job.id)
        os.write(told, bytes.fromhex(job.id))


def killed_saver(folder, chance):
    """The ids of the jobs that it said to have saved, one each fifth of which it removed."""
    hears, told = os.pipe()
    process = multiprocessing.get_context("fork").Process(target=save_on, args=(folder, told))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a fork beside threads, as it only writes files
        process.start()
    os.close(told)
    said = os.read(hears, 16)  # the first
    time.sleep(chance.uniform(0, 0.1))
    os.kill(process.pid, signal.SIGKILL)
    process.join()
    while more := os.read(hears, 65536):
        said += more
    os.close(hears)
    ids = [said[start : start + 16].hex() for start in range(0, len(said), 16)]
    return [each for number, each in enumerate(ids) if number % 5 != 4]


@pytest.mark.slow
def test_whenever_it_is_killed_what_was_saved_is_there_and_whole(folder):
    chance, saved = random.Random(7), []
    for _ in range(ROUNDS):
        saved += killed_saver(folder, chance)
        archive = Archive.open(folder, LARGE, 30)
        found = archive.find(saved)
        assert {entry.job.id for entry in found} == set(saved)
        for entry in found:
            assert len(entry.original.jpeg) == 10_000
            assert entry.job.outcome.image.size == (SIDE, SIDE)
        for entry, _ in archive.unfinished():
            assert len(entry.original.jpeg) == 10_000
        assert not list(folder.rglob("new-*"))
        images = {file.stem for file in (folder / "images").iterdir()}
        assert len(archive.find(list(images))) == len(images)
        archive.close()
    assert len(saved) > ROUNDS
