"""Rounds of uploads, over a server with fakes, and the table that is made of them."""

import os
import socket
import sys
import threading
from collections.abc import Iterator

import pytest
from fakes import FakeBlip, FakeSDXL
from web_client import picture

import captioner.engine
import generator.engine
import webapp.server
from scripts.benchmarks.server_process import Server
from scripts.pictures.figures import to_markdown, with_figures
from scripts.pictures.rounds import Answer, Round, upload_all
from webapp import create_app
from webapp.job_store import JobStore
from webapp.limits import Limits
from webapp.services import Services
from webapp.settings import Settings

ANSWERS = [
    Answer("a", 303, 1.0, "/jobs/a"),
    Answer("b", 429, 2.0, None),
    Answer("c", 500, 0.5, None),
]


@pytest.fixture
def served() -> Iterator[Server]:
    """With places for two; nothing leaves the queue but what is cancelled.

    Whoever waits for a place all the same, because something is broken, is sent away in the end.
    """
    services = Services(
        captioner.engine.Engine(FakeBlip()),
        generator.engine.Engine(FakeSDXL(), max_jobs=2),
        JobStore(),
    )
    app = create_app(Settings(), services)
    server = webapp.server.Server(app, webapp.server.bind("127.0.0.1", [0, 0]), Limits(threads=8))
    thread = threading.Thread(target=server.run, name="server")
    thread.start()
    rescue = threading.Timer(10, services.generator.close)
    rescue.start()
    yield Server(0.0, *server.ports, os.getpid())
    rescue.cancel()
    services.generator.close()
    services.captioner.close()
    server.stop()
    thread.join()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells what a process holds")
def test_what_the_queue_has_no_place_for_is_sent_again_until_each_was_read(served):
    files = [(f"{number}.png", picture()) for number in range(5)] + [("text", b"no picture")]
    done = upload_all(served, files, at_once=4)
    accepted = [answer.name for answer in done.answers if answer.status == 303]
    assert sorted(accepted) == [f"{number}.png" for number in range(5)]
    assert [answer.name for answer in done.answers if answer.status == 400] == ["text"]
    assert done.count(429) >= 2
    assert not done.others
    assert done.held_bytes > 2**20


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells what a process holds")
def test_a_connection_that_ends_without_an_answer_is_counted():
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        threading.Thread(target=lambda: deaf.accept()[0].close(), daemon=True).start()
        port = deaf.getsockname()[1]
        done = upload_all(Server(0.0, port, port, os.getpid()), [("a", picture())], at_once=1)
    assert [(answer.name, answer.status) for answer in done.others] == [("a", 0)]


def test_the_table_counts_answers_and_names_the_slowest():
    text = to_markdown(5_000_000, [Round(ANSWERS, 6_400_000)])
    cells = [[cell.strip() for cell in row.split("|")[1:-1]] for row in text.splitlines()]
    assert cells[2] == ["before", "", "", "", "", "", "5 MB"]
    assert cells[3] == ["1", "1", "0", "1", "1", "2.0 s (b)", "6 MB"]


def test_what_no_picture_may_be_answered_with_is_kept_by_name():
    assert [answer.name for answer in Round(ANSWERS, 0).others] == ["c"]


def test_new_figures_take_the_place_of_old_ones():
    once = with_figures("before\n<!-- rounds -->\n<!-- end of rounds -->\nafter\n", "old")
    assert with_figures(once, "new") == once.replace("old", "new")
    assert once.startswith("before\n")
    assert once.endswith("\nafter\n")
