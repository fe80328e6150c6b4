"""What the server does while it can open nothing more: it rests, says so, and goes on by itself."""

import contextlib
import errno
import json
import logging
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path

import pytest
from waitress.task import ThreadedTaskDispatcher

from webapp.limits import Limits
from webapp.listener import QUIET_SECONDS, REMEDIES, REST_SECONDS, Listener, Shortage
from webapp.server import bind

SECONDS = 10  # no wait in this file is longer; nothing here depends on how long it is


class Full:
    """A listening socket of a process that can open nothing more."""

    def __init__(self, number: int):
        self.number, self.asked = number, 0

    def accept(self):
        self.asked += 1
        raise OSError(self.number, os.strerror(self.number))


class Site:
    """Two listeners of one server, turned by hand."""

    def __init__(self):
        self.now = 1000.0
        self.connections: dict[int, object] = {}
        shortage = Shortage(self.connections, clock=lambda: self.now)
        self.bound = bind("127.0.0.1", [0, 0])
        dispatcher, limits = ThreadedTaskDispatcher(), Limits().adjustments()
        self.listeners = [
            Listener(None, each, self.connections, dispatcher, limits, shortage)
            for each in self.bound
        ]
        self.connections[-1] = "somebody's"

    def fill(self, number: int) -> Full:
        full = Full(number)
        for listener in self.listeners:
            listener.socket = full
        return full

    def turn(self):
        """What the loop does once, where clients wait at each listener all the time."""
        for listener in self.listeners:
            if listener.readable():
                listener.handle_read_event()

    def close(self):
        self.connections.pop(-1, None)
        for listener, bound in zip(self.listeners, self.bound, strict=True):
            listener.socket = bound
            listener.close()


@pytest.fixture
def site() -> Iterator[Site]:
    with contextlib.closing(Site()) as site:
        yield site


@pytest.mark.parametrize("number", REMEDIES, ids=lambda number: errno.errorcode[number])
def test_who_can_open_nothing_more_asks_once_a_moment(site, number):
    full = site.fill(number)
    for _ in range(100):
        site.turn()
    assert full.asked == 1, "the other listener asked as well, or one did so again"
    site.now += REST_SECONDS
    for _ in range(100):
        site.turn()
    assert full.asked == 2


def test_a_connection_that_closes_makes_room_at_once(site):
    full = site.fill(errno.EMFILE)
    site.turn()
    del site.connections[-1]
    site.turn()
    assert full.asked == 2


def test_a_shortage_is_logged_once_however_long_it_lasts(site, caplog):
    site.fill(errno.EMFILE)
    for _ in range(int(3 * QUIET_SECONDS)):
        site.turn()
        site.now += REST_SECONDS
    (record,) = caplog.records
    assert record.levelno == logging.ERROR
    sentence = "New connections have to wait: Too many open files. Raise this process's limit"
    assert record.getMessage().startswith(sentence)
    site.now += QUIET_SECONDS
    site.turn()
    assert len(caplog.records) == 2


def test_a_client_who_left_before_it_was_taken_holds_up_nobody(site, caplog):
    for number in (errno.ECONNABORTED, errno.EPROTO):
        full = site.fill(number)
        site.turn()
        site.turn()
        assert full.asked == 4
    assert not caplog.records


PROGRAM = """
import json, resource, sys
from webapp.limits import Limits
from webapp.listener import Listener
from webapp.server import Server, bind

asked = 0
accept = Listener.accept

def counted(listener):
    global asked
    asked += 1
    return accept(listener)

def app(environ, start_response):
    body = json.dumps(asked).encode()
    start_response("200 OK", [("Content-Length", str(len(body)))])
    return [body]

Listener.accept = counted
server = Server(app, bind("127.0.0.1", [0]), Limits(threads=2))
resource.setrlimit(resource.RLIMIT_NOFILE, (32, 32))
print(server.ports[0], flush=True)
sys.exit(server.run())
"""


@contextlib.contextmanager
def poor_server() -> Iterator[tuple[int, subprocess.Popen[str]]]:
    """One that may open 32 files in all."""
    root = Path(__file__).parents[2]
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM],
        cwd=root,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield int(process.stdout.readline()), process
        finally:
            process.kill()


def times_asked(connection: HTTPConnection) -> int:
    connection.request("GET", "/")
    return json.loads(connection.getresponse().read())


@pytest.mark.slow
def test_a_server_out_of_descriptors_serves_who_is_there_and_then_who_waits():
    pytest.importorskip("resource")
    with poor_server() as (port, process), contextlib.ExitStack() as clients:
        here = HTTPConnection("127.0.0.1", port, timeout=SECONDS)
        clients.callback(here.close)
        before = times_asked(here)
        crowd = [socket.create_connection(("127.0.0.1", port), SECONDS) for _ in range(40)]
        late = HTTPConnection("127.0.0.1", port, timeout=SECONDS)
        clients.callback(late.close)
        late.connect()  # the system's queue takes it
        for _ in range(300):  # each wakes the loop
            asked = times_asked(here) - before
        assert 15 < asked < 100, "it asks with each turn of its loop, or never met the limit"
        for client in crowd:
            client.close()
        assert times_asked(late) > asked
        process.terminate()
        assert process.communicate()[1].count("Too many open files") == 1
