"""What the clients of a load do to a server, what is read of its process, and a short load."""

import mmap
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest
from fakes import FakeBlip, FakeSDXL

import captioner.engine
import generator.engine
import webapp.server
from scripts.benchmarks.server_process import Server
from scripts.load_test import actions, visitor
from scripts.load_test.journal import NO_ANSWER, Journal
from scripts.load_test.load import load
from scripts.load_test.readings import Held, MemoryCurve, settled
from scripts.load_test.site import Site
from scripts.load_test.visitor import NoAnswer, Visitor
from webapp import create_app
from webapp.job_store import JobStore
from webapp.limits import Limits
from webapp.services import MAX_STREAMS, Services
from webapp.settings import Settings

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells what a process holds"),
]

ROOT = Path(__file__).parents[2]
MEGABYTE = 2**20


@pytest.fixture
def painting() -> Iterator[threading.Event]:
    """Set; while it is clear, nothing is painted."""
    painting = threading.Event()
    painting.set()
    yield painting
    painting.set()


@pytest.fixture
def served(painting) -> Iterator[Server]:
    """Over fakes, in this process, with the limits that the load test sets."""
    fake = FakeSDXL(on_stage=lambda stage, prompt: painting.wait())
    services = Services(
        captioner.engine.Engine(FakeBlip()), generator.engine.Engine(fake), JobStore()
    )
    services.captioner.start()
    services.generator.start()
    settings = Settings(max_upload_mb=actions.MAX_UPLOAD_MB)
    limits = Limits(max_request_body_bytes=2 * settings.max_upload_bytes)
    sockets = webapp.server.bind("127.0.0.1", [0, 0])
    server = webapp.server.Server(create_app(settings, services), sockets, limits)
    thread = threading.Thread(target=server.run, name="server")
    thread.start()
    yield Server(0.0, *server.ports, os.getpid())
    painting.set()
    server.stop()
    thread.join()
    services.generator.close()
    services.captioner.close()
    for each in threading.enumerate():
        if each.name.startswith("waitress"):
            each.join()


@pytest.fixture
def site(served) -> Site:
    return Site(served.host, served.page_port, served.api_port)


@pytest.mark.parametrize("action", actions.MIX, ids=lambda action: action.__name__)
def test_every_action_is_answered_as_expected(site, action):
    journal = Journal()
    for number in range(3):
        action(Visitor(site, journal, number, Random(number)))
    assert journal.seconds
    for kind, status in journal.seconds:
        assert status in actions.EXPECTED[kind], kind
    assert not journal.without_retry_after


def test_a_crowd_provokes_a_503(site, painting):
    painting.clear()
    journal = Journal()
    actions.crowd(Visitor(site, journal, 0, Random(0)))
    assert journal.counts["crowd", 503] >= actions.MORE_THAN_ALL_STREAMS - MAX_STREAMS


def test_clients_do_all_sorts_of_things_until_the_time_is_over(site, monkeypatch):
    monkeypatch.setattr(visitor, "MEAN_PAUSE_SECONDS", 0.01)
    journal = load(site, clients=4, seconds=1, seed="0")
    assert len(journal.seconds) > 5
    assert all(status in actions.EXPECTED[kind] for kind, status in journal.seconds)


def test_where_nobody_listens_there_is_no_answer():
    free = webapp.server.bind("127.0.0.1", [0])
    site = Site("127.0.0.1", free[0].getsockname()[1], 1)
    free[0].close()
    journal = Journal()
    for action in (actions.look_around, actions.leave_upload):
        with pytest.raises(NoAnswer):
            action(Visitor(site, journal, 0, Random(0)))
    assert {status for _, status in journal.seconds} == {NO_ANSWER}


def test_a_thread_a_descriptor_and_memory_that_are_kept_are_seen():
    this = Server(0.0, 0, 0, os.getpid())
    before = Held.by(this)
    stay = threading.Event()
    thread = threading.Thread(target=stay.wait)
    thread.start()
    with open(os.devnull), open(os.devnull):
        # Pages of its own: the allocator may still hold as many that earlier tests have freed.
        kept = mmap.mmap(-1, 50 * MEGABYTE)
        for _ in range(50):
            kept.write(b"x" * MEGABYTE)
        after = Held.by(this)
        kept.close()
    stay.set()
    thread.join()
    assert after.threads == before.threads + 1
    assert after.descriptors == before.descriptors + 2
    assert after.bytes > before.bytes + 25 * MEGABYTE


def test_what_is_left_is_read_once_it_settled(served, monkeypatch):
    opened, read = threading.Event(), threading.Event()

    def hold_for_a_while() -> None:
        opened.wait()
        threading.Event().wait(4)
        os.close(held)
        read.wait()

    thread = threading.Thread(target=hold_for_a_while, daemon=True)
    thread.start()
    before = settled(served)
    held = os.open(os.devnull, os.O_RDONLY)
    opened.set()
    assert settled(served, before).descriptors <= before.descriptors
    monkeypatch.setattr("scripts.load_test.readings.SETTLING_SECONDS", 1.5)
    with open(os.devnull):
        assert settled(served, before).descriptors > before.descriptors
    read.set()
    thread.join()


def test_the_memory_is_read_every_so_often(served):
    with MemoryCurve(served, every_seconds=0.01) as curve:
        threading.Event().wait(0.2)
    assert len(curve.points) > 2
    assert all(held > MEGABYTE for _, held in curve.points)
    assert curve.points == sorted(curve.points, key=lambda point: point[0])


@pytest.mark.demo
def test_a_short_load_breaks_no_promise():
    command = [sys.executable, "-m", "scripts.load_test", "--clients=16", "--seconds=5"]
    done = subprocess.run([*command, "--warm-up=5"], cwd=ROOT, capture_output=True, text=True)
    print(done.stdout)
    assert done.returncode == 0, done.stderr
    assert "jobs accepted" in done.stdout
