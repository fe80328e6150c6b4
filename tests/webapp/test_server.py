"""What webapp/server.py promises, kept over real sockets on the loopback interface."""

import contextlib
import itertools
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest

from webapp.limits import Limits
from webapp.server import CUT, FINISHED, CannotListen, Server, bind

SECONDS = 5  # no wait in this file is longer; nothing here depends on how long it is
MEBIBYTE = 1024 * 1024


class TinyApp:
    """A WSGI app with one view per method. Views say where they are and wait to be released."""

    def __init__(self):
        self.entered, self.release = threading.Event(), threading.Event()
        self.closed, self.saw_client_leave = threading.Event(), threading.Event()
        self.flooded = 0

    def __call__(self, environ, start_response):
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


@pytest.fixture
def app() -> TinyApp:
    return TinyApp()


@pytest.fixture
def serve(app) -> Iterator[Callable[..., Running]]:
    with contextlib.ExitStack() as ends:

        def start(ports=1, is_busy=lambda: False, **limits) -> Running:
            limits = Limits(**{"threads": 4, **limits})
            server = Server(app, bind("127.0.0.1", [0] * ports), limits, is_busy)
            running = ends.enter_context(run_in_thread(server))
            ends.callback(app.release.set)
            return running

        yield start


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


# Listening


def test_two_ports_serve_one_app_and_each_request_knows_which_it_came_by(serve):
    ports = serve(ports=2).server.ports
    assert len(set(ports)) == 2
    assert [body(ask(port, "/port")) for port in ports] == [str(port).encode() for port in ports]


def test_an_ipv6_address_can_be_listened_on(app):
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError as error:
        pytest.skip(f"no IPv6 here: {error}")
    server = Server(app, bind("::1", [0]), Limits(threads=1))
    address = ("::1", server.ports[0])
    with run_in_thread(server), socket.create_connection(address, SECONDS) as client:
        client.sendall(get("/port", "Connection: close"))
        assert body(read_all(client)) == str(server.ports[0]).encode()


def test_a_taken_port_is_named_and_the_ports_before_it_are_given_back():
    with bind("127.0.0.1", [0])[0] as taken, bind("127.0.0.1", [0])[0] as free:
        port, free_port = taken.getsockname()[1], free.getsockname()[1]
        free.close()
        with pytest.raises(CannotListen) as caught:
            bind("127.0.0.1", [free_port, port])
        bind("127.0.0.1", [free_port])[0].close()
    assert (caught.value.host, caught.value.port) == ("127.0.0.1", port)
    expected = f"cannot listen on 127.0.0.1 port {port}: Address already in use"
    assert str(caught.value) == expected


def test_an_address_that_is_not_ours_cannot_be_listened_on():
    with pytest.raises(CannotListen, match=r"cannot listen on 192\.0\.2\.1 port 0: \w+"):
        bind("192.0.2.1", [0])


def test_who_connects_before_the_server_runs_is_served_when_it_does(app):
    server = Server(app, bind("127.0.0.1", [0]), Limits(threads=1))
    request = get("/port", "Connection: close")
    with connected(server.ports[0], request) as client, run_in_thread(server):
        assert b"200 OK" in read_all(client)


def test_a_descriptor_beyond_select_does_not_end_the_server(serve):
    resource = pytest.importorskip("resource")
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < 2048:
        pytest.skip(f"this process may open {hard} files at most")
    resource.setrlimit(resource.RLIMIT_NOFILE, (512, hard))
    try:
        running = serve()
        assert b"200 OK" in ask(running.port, "/port")
        assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] >= 2048, "the limit was not raised"
        with contextlib.ExitStack() as files:
            for _ in range(1024):
                files.callback(os.close, os.open(os.devnull, os.O_RDONLY))
            assert b"200 OK" in ask(running.port, "/port")
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


# Requests that are refused


def test_an_error_in_the_app_is_a_500_that_says_nothing_about_it(serve):
    answer = ask(serve().port, "/error")
    assert answer.startswith(b"HTTP/1.1 500 ")
    assert b"secret" not in answer
    assert b"Traceback" not in answer
    assert b"waitress" not in answer


CHUNKED = "Transfer-Encoding: chunked"


@pytest.mark.parametrize(
    ("version", "headers"),
    [
        pytest.param("1.1", ["Content-Length: 5", CHUNKED], id="length and chunked"),
        pytest.param("1.1", [CHUNKED, "Content-Length: 5"], id="chunked and length"),
        pytest.param("1.1", ["Content-Length: 5", "Transfer-Encoding:"], id="empty encoding"),
        pytest.param("1.0", ["Content-Length: 5", CHUNKED], id="HTTP/1.0 and chunked"),
        pytest.param("1.0", [CHUNKED], id="only chunked, HTTP/1.0"),
        pytest.param("1.1", ["Content-Length: +5"], id="signed length"),
        pytest.param("1.1", ["Content-Length: 5", "Content-Length: 6"], id="two lengths"),
    ],
)
def test_a_request_of_doubtful_length_gets_one_400_and_nothing_after_it_is_read(
    serve, version, headers
):
    smuggled = b"0\r\n\r\n" + get("/port")
    with connected(serve().port, get("/length", *headers, version=version) + smuggled) as client:
        answer = read_all(client)
    assert b" 400 " in answer.splitlines()[0]
    assert answer.count(b"HTTP/1.") == 1


def test_a_chunked_body_is_read(serve):
    with connected(serve().port, get("/length", CHUNKED, "Connection: close")) as client:
        client.sendall(b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n")
        assert body(read_all(client)) == b"5"


def test_headers_over_the_limit_are_refused_with_431(serve):
    port = serve(max_request_header_bytes=1000).port
    room = 1000 - len(get("/port", "Connection: close", "X: "))
    for size, status in ((room, b" 200 "), (room + 1, b" 431 ")):
        with connected(port, get("/port", "Connection: close", "X: " + "x" * size)) as client:
            assert status in read_all(client).splitlines()[0]


def test_a_body_over_the_limit_is_refused_with_413_before_it_is_sent(serve):
    port = serve(max_request_body_bytes=1000).port
    with connected(port, get("/length", "Content-Length: 1001")) as client:
        assert b" 413 " in read_all(client).splitlines()[0]
    with connected(port, get("/length", "Content-Length: 1000", "Connection: close")) as client:
        client.sendall(bytes(1000))
        assert body(read_all(client)) == b"1000"


def test_a_chunked_body_over_the_limit_is_refused_with_413(serve):
    with connected(serve(max_request_body_bytes=1000).port, get("/length", CHUNKED)) as client:
        client.sendall(b"400\r\n" + bytes(1024))
        assert b" 413 " in read_all(client).splitlines()[0]


# Slow clients

SLOW_STARTS = [b"", b"GET / HTTP/1.1\r\n", get("/length", "Content-Length: 100")]


@pytest.mark.slow
def test_150_slow_senders_delay_nobody_and_are_closed(serve):
    running = serve(read_deadline_seconds=1)
    with contextlib.ExitStack() as clients:
        slow = [
            clients.enter_context(connected(running.port, SLOW_STARTS[i % 3])) for i in range(150)
        ]
        delays = []
        for _ in range(20):
            for number in (1, 2, 4, 5):  # in the middle of their headers and their bodies
                with contextlib.suppress(OSError):
                    slow[number].send(b"x")
            began = time.monotonic()
            assert b"200 OK" in ask(running.port, "/port")
            delays.append(time.monotonic() - began)
        assert max(delays) < 0.5, "somebody had to wait until a slow sender was closed"
        assert all(is_closed(client) for client in slow)


@pytest.mark.slow
def test_a_byte_now_and_then_does_not_put_off_the_deadline(serve):
    running = serve(read_deadline_seconds=0.3)
    began = time.monotonic()
    with connected(running.port, b"GET / HTTP/1.1\r\n") as client:
        while not is_closed(client, wait=0.05):
            assert time.monotonic() < began + SECONDS
            with contextlib.suppress(ConnectionError):
                client.send(b"x")
    assert time.monotonic() > began + 0.3


@pytest.mark.slow
def test_an_upload_that_keeps_coming_outlives_the_deadline(serve):
    running = serve(read_deadline_seconds=0.1, upload_bytes_per_second=100)
    head = get("/length", "Content-Length: 1000", "Connection: close")
    with connected(running.port, head) as client:
        for _ in range(5):
            client.sendall(bytes(200))
            time.sleep(0.12)
        assert body(read_all(client)) == b"1000"


@pytest.mark.slow
def test_what_one_upload_has_bought_is_not_for_the_next_request(serve):
    running = serve(read_deadline_seconds=0.2, upload_bytes_per_second=1)
    with connected(running.port, get("/length", "Content-Length: 1000")) as client:
        client.sendall(bytes(1000))
        assert body(read_answer(client)) == b"1000"
        client.sendall(b"G")
        assert is_closed(client)


@pytest.mark.slow
def test_the_deadline_stands_still_while_the_app_works(serve, app):
    running = serve(read_deadline_seconds=0.3)
    with connected(running.port, get("/wait")) as client:
        app.release.wait(0.8)
        app.release.set()
        assert read_answer(client).endswith(b"done")
        client.sendall(get("/port"))
        assert b"200 OK" in read_answer(client)


@pytest.mark.slow
def test_a_connection_that_was_idle_has_the_whole_deadline_for_its_next_request(serve):
    running = serve(read_deadline_seconds=0.8)
    request = get("/port")
    with connected(running.port) as client:
        for part in (b"", request[:10], request[10:]):
            client.sendall(part)
            time.sleep(0.5)
        assert b"200 OK" in read_answer(client)


@pytest.mark.slow
def test_an_idle_connection_is_closed_and_one_in_use_is_kept(serve):
    running = serve(read_deadline_seconds=0.5)
    began = time.monotonic()
    with connected(running.port) as idle, connected(running.port) as used:
        while not is_closed(idle, wait=0.1):
            assert time.monotonic() < began + SECONDS
            used.sendall(get("/port"))
            assert b"200 OK" in read_answer(used)
        used.sendall(get("/port"))
        assert b"200 OK" in read_answer(used)


@pytest.mark.slow
def test_a_reader_that_stalls_gives_its_thread_back(serve, app):
    running = serve(threads=1, stalled_reader_seconds=0.3, response_buffer_bytes=64 * 1024)
    with connected(running.port, get("/flood"), SO_RCVBUF=4096):
        assert b"200 OK" in ask(running.port, "/port")  # after the flood: there is one thread
        assert app.closed.is_set()
    assert app.flooded < 4 * MEBIBYTE, "the app ran too far ahead of its client"


def test_a_large_answer_needs_no_room_on_the_disk(serve, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", "/nowhere")
    assert len(body(ask(serve().port, "/big"))) == 6 * MEBIBYTE


@pytest.mark.slow
def test_a_reader_that_is_slow_but_reads_gets_everything(serve):
    running = serve(stalled_reader_seconds=0.6)
    received = 0
    with connected(running.port, get("/big", "Connection: close"), SO_RCVBUF=65536) as client:
        for _ in range(12):
            received += len(client.recv(MEBIBYTE))
            time.sleep(0.1)
        received += len(read_all(client))
    assert received > 6 * MEBIBYTE


# Clients who leave


def test_a_working_view_can_see_that_its_client_has_left(serve, app):
    with connected(serve().port, get("/wait_for_client_to_leave")):
        assert app.entered.wait(SECONDS)
        assert not app.saw_client_leave.wait(0.05)
    assert app.saw_client_leave.wait(SECONDS)
    assert not app.release.is_set()


@pytest.mark.slow
def test_clients_who_leave_a_stream_leave_no_descriptor_behind(serve, app):
    running = serve(threads=16)
    before = open_descriptors()
    for _ in range(20):
        with contextlib.ExitStack() as clients:
            for _ in range(10):
                client = clients.enter_context(connected(running.port, get("/events")))
                assert client.recv(4096)
    assert b"200 OK" in ask(running.port, "/port")
    deadline = time.monotonic() + SECONDS
    while open_descriptors() > before and time.monotonic() < deadline:
        time.sleep(0.01)
    assert open_descriptors() == before


# The end


def test_an_idle_server_stops_at_once_and_gives_its_port_back(serve):
    delays = []
    for _ in range(3):
        running = serve()
        assert b"200 OK" in ask(running.port, "/port")
        time.sleep(0.05)  # the answer is here a moment before its thread is idle
        began = time.monotonic()
        running.stop()
        assert running.ends_with() == FINISHED
        delays.append(time.monotonic() - began)
        bind("127.0.0.1", [running.port])[0].close()
    assert min(delays) < 0.1, "the loop was not woken"


def test_the_drain_finishes_what_runs_and_answers_polls_on_new_connections(serve, app):
    running = serve()
    with connected(running.port, get("/wait", "Connection: close")) as client:
        assert app.entered.wait(SECONDS)
        assert body(ask(running.port, "/draining")) == b"False"
        running.stop()
        assert running.server.draining
        assert body(ask(running.port, "/draining")) == b"True"
        assert not running.exit_code.done()
        app.release.set()
        assert body(read_all(client)) == b"done"
    assert running.ends_with() == FINISHED


def test_the_drain_waits_until_the_last_answer_is_sent(serve):
    running = serve()
    with connected(running.port, get("/big", "Connection: close")) as client:
        received = len(client.recv(1))
        running.stop()
        time.sleep(0.1)
        assert received + len(read_all(client)) > 6 * MEBIBYTE
    assert running.ends_with() == FINISHED


def test_the_drain_waits_for_work_that_no_request_waits_for(serve):
    asked, is_done = threading.Event(), threading.Event()

    def is_busy():
        asked.set()
        return not is_done.is_set()

    running = serve(is_busy=is_busy)
    assert b"200 OK" in ask(running.port, "/port")
    assert not asked.is_set()
    running.stop()
    assert asked.wait(SECONDS)
    assert body(ask(running.port, "/draining")) == b"True"
    is_done.set()
    assert running.ends_with() == FINISHED


def test_the_drain_does_not_wait_for_idle_connections(serve):
    running = serve()
    with connected(running.port, get("/port")) as kept, connected(running.port) as silent:
        assert b"200 OK" in read_answer(kept)
        running.stop()
        assert running.ends_with() == FINISHED
        assert is_closed(kept)
        assert is_closed(silent)


def test_what_outlasts_the_drain_is_cut_and_the_exit_code_says_so(serve, app):
    running = serve(drain_seconds=0.2)
    with connected(running.port, get("/wait")) as client:
        assert app.entered.wait(SECONDS)
        running.stop()
        assert running.ends_with() == CUT
        assert is_closed(client)
    assert not app.release.is_set()


def test_work_that_outlasts_the_drain_is_told_by_the_exit_code(serve):
    running = serve(drain_seconds=0.1, is_busy=lambda: True)
    running.stop()
    assert running.ends_with() == CUT


def test_a_second_stop_ends_the_drain_at_once(serve, app):
    running = serve()
    with connected(running.port, get("/wait")):
        assert app.entered.wait(SECONDS)
        running.stop()
        assert body(ask(running.port, "/draining")) == b"True"
        running.stop()
        assert running.ends_with() == CUT
    assert not app.release.is_set()


def test_the_end_frees_a_thread_whose_client_does_not_read(serve, app):
    running = serve(drain_seconds=0.1, response_buffer_bytes=64 * 1024)
    with connected(running.port, get("/flood"), SO_RCVBUF=4096) as client:
        assert client.recv(1)
        running.stop()
        assert running.ends_with() == CUT
        assert app.closed.wait(SECONDS)
    assert not app.release.is_set()


def test_stopping_a_server_that_has_ended_touches_nothing(serve):
    running = serve()
    running.stop()
    assert running.ends_with() == FINISHED
    reader, writer = os.pipe()  # likely the very descriptors that the server gave back
    os.set_blocking(reader, False)
    try:
        running.stop()
        with pytest.raises(BlockingIOError):
            os.read(reader, 1)
    finally:
        os.close(reader)
        os.close(writer)


def test_a_signal_handler_may_stop_a_server_that_is_being_stopped(app):
    server = Server(app, bind("127.0.0.1", [0]), Limits(threads=1))
    depth = 0

    def stop_again(*_):
        nonlocal depth
        depth += 1
        assert depth < 20, "stop() waits for the stop() that it interrupted"
        server.stop()
        depth -= 1

    before = signal.signal(signal.SIGALRM, stop_again)
    signal.setitimer(signal.ITIMER_REAL, 0.001, 0.001)
    try:
        for _ in range(20_000):
            server.stop()
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
        server.run()
        join_pool_threads()


PROGRAM = """
import sys, threading
from webapp.server import Server, bind, stop_on_signals

released = threading.Event()

def app(environ, start_response):
    if environ["PATH_INFO"] == "/release":
        released.set()
    elif environ["PATH_INFO"] == "/wait":
        print("entered", flush=True)
        released.wait(5)
    body = f'draining {environ["lookalike.draining"]}'.encode()
    start_response("200 OK", [("Content-Length", str(len(body)))])
    return [body]

server = Server(app, bind("127.0.0.1", [0]))
stop_on_signals(server)
print(server.ports[0], flush=True)
sys.exit(server.run())
"""


@contextlib.contextmanager
def program():
    """The smallest main program, with a request running: (process, port, that client)."""
    root = Path(__file__).parents[2]
    command = [sys.executable, "-c", PROGRAM]
    with subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE, text=True) as process:
        try:
            port = int(process.stdout.readline())
            with connected(port, get("/wait", "Connection: close")) as client:
                assert process.stdout.readline() == "entered\n"
                yield process, port, client
        finally:
            process.kill()


@pytest.mark.slow
def test_sigterm_lets_the_running_request_finish():
    with program() as (process, port, client):
        process.terminate()
        while body(ask(port, "/")) != b"draining True":
            pass
        ask(port, "/release")
        assert body(read_all(client)) == b"draining False"
        assert process.wait(SECONDS) == FINISHED


@pytest.mark.slow
def test_sigint_drains_too_and_a_second_signal_ends_at_once():
    with program() as (process, port, client):
        process.send_signal(signal.SIGINT)
        while body(ask(port, "/")) != b"draining True":
            pass
        process.terminate()
        assert process.wait(SECONDS) == CUT
        assert is_closed(client)
