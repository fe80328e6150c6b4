"""A WSGI app of a few lines, servers that run it in a thread, and clients on bare sockets."""

import contextlib
import itertools
import os
import re
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor

from webapp.server import Server

SECONDS = 5  # no wait is longer; no test depends on how long it is
MEBIBYTE = 1024 * 1024


class TinyApp:
    """A WSGI app with one view per method. Views say where they are and wait to be released."""

    def __init__(self):
        self.entered, self.release = threading.Event(), threading.Event()
        self.closed, self.saw_client_leave = threading.Event(), threading.Event()
        self.flooded = 0
        self.before_refusal = lambda: None

    def __call__(self, environ, start_response):
        if refusal := environ["lookalike.refusal"]:
            self.before_refusal()
            return refusal(environ, start_response)
        return getattr(self, environ["PATH_INFO"].strip("/"))(environ, start_response)

    def reply(self, start_response, body):
        start_response("200 OK", [("Content-Length", str(len(body)))])
        return [body]

    def port(self, environ, start_response):
        return self.reply(start_response, environ["SERVER_PORT"].encode())

    def draining(self, environ, start_response):
        return self.reply(start_response, str(environ["lookalike.draining"]).encode())

    def length(self, environ, start_response):
        return self.reply(start_response, str(len(environ["wsgi.input"].read())).encode())

    def big(self, environ, start_response):
        return self.reply(start_response, bytes(6 * MEBIBYTE))

    def error(self, environ, start_response):
        raise RuntimeError("a secret")

    def wait(self, environ, start_response):
        self.entered.set()
        self.release.wait(SECONDS)
        return self.reply(start_response, b"done")

    def wait_for_client_to_leave(self, environ, start_response):
        self.entered.set()
        while not environ["waitress.client_disconnected"]() and not self.release.wait(0.005):
            pass
        self.saw_client_leave.set()
        return self.reply(start_response, b"")

    def flood(self, environ, start_response):
        start_response("200 OK", [])
        try:
            while not self.release.is_set():
                self.flooded += 64 * 1024
                yield bytes(64 * 1024)
        finally:
            self.closed.set()

    def events(self, environ, start_response):
        start_response("200 OK", [("Content-Type", "text/event-stream")])
        while not self.release.is_set():
            yield b": still here\n\n"
            self.release.wait(0.02)


class Running:
    """A server in a thread of its own."""

    def __init__(self, server: Server, exit_code: "Future[int]"):
        self.server, self.exit_code, self.port = server, exit_code, server.ports[0]
        self.stop = server.stop

    def ends_with(self) -> int:
        return self.exit_code.result(SECONDS)


@contextlib.contextmanager
def run_in_thread(server: Server) -> Iterator[Running]:
    with ThreadPoolExecutor(1) as pool:
        running = Running(server, pool.submit(server.run))
        try:
            yield running
        finally:
            server.stop()
            server.stop()
    join_pool_threads()


def join_pool_threads():
    for thread in threading.enumerate():
        if thread.name.startswith("waitress"):
            thread.join(SECONDS)
            assert not thread.is_alive(), f"{thread.name} outlived its server"


@contextlib.contextmanager
def connected(port, sending=b"", **options):
    with socket.create_connection(("127.0.0.1", port), SECONDS) as client:
        for name, value in options.items():
            client.setsockopt(socket.SOL_SOCKET, getattr(socket, name), value)
        client.sendall(sending)
        yield client


def get(path, *headers, version="1.1"):
    lines = [f"GET {path} HTTP/{version}", "Host: localhost", *headers]
    return "\r\n".join([*lines, "", ""]).encode()


def read_all(client) -> bytes:
    """What comes until the server closes; a reset counts as closing."""
    received = bytearray()
    with contextlib.suppress(ConnectionResetError):
        while data := client.recv(MEBIBYTE):
            received += data
    return bytes(received)


def read_answer(client) -> bytes:
    """The next answer on a connection that stays open."""
    with client.makefile("rb") as lines:
        head = b"".join(itertools.takewhile(lambda line: line != b"\r\n", lines))
        length = re.search(rb"Content-Length: (\d+)", head)
        assert length, f"the connection was closed after {head!r}"
        return head + b"\r\n" + lines.read(int(length[1]))


def ask(port, path) -> bytes:
    with connected(port, get(path, "Connection: close")) as client:
        return read_all(client)


def body(answer: bytes) -> bytes:
    return answer.partition(b"\r\n\r\n")[2]


def is_closed(client, wait=SECONDS) -> bool:
    """True once the server has closed a connection that it has sent nothing on."""
    client.settimeout(wait)
    try:
        return client.recv(1) == b""
    except ConnectionResetError:
        return True
    except TimeoutError:
        return False


def open_descriptors() -> int:
    return len(os.listdir("/dev/fd"))
