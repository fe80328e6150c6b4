"""What webapp/server.py promises, kept over real sockets on the loopback interface."""

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from tiny_server import (
    MEBIBYTE,
    SECONDS,
    ask,
    body,
    connected,
    get,
    is_closed,
    join_pool_threads,
    read_all,
    read_answer,
    run_in_thread,
)

from webapp.limits import Limits
from webapp.server import CUT, FINISHED, CannotListen, Server, bind

pytestmark = pytest.mark.slow

# Listening


def test_two_ports_serve_one_app_and_each_request_knows_which_it_came_by(serve):
    ports = serve(ports=2).server.ports
    assert len(set(ports)) == 2
    assert [body(ask(port, "/port")) for port in ports] == [str(port).encode() for port in ports]


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
        answer = read_all(client)
    assert answer.startswith(b"HTTP/1.1 503 ")
    assert b"Retry-After: 60" in answer
    assert b"The server is stopping: try again in a minute." in body(answer)
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
    if refusal := environ["lookalike.refusal"]:
        return refusal(environ, start_response)
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


def test_sigterm_lets_the_running_request_finish():
    with program() as (process, port, client):
        process.terminate()
        while body(ask(port, "/")) != b"draining True":
            pass
        ask(port, "/release")
        assert body(read_all(client)) == b"draining False"
        assert process.wait(SECONDS) == FINISHED


def test_sigint_drains_too_and_a_second_signal_ends_at_once():
    with program() as (process, port, client):
        process.send_signal(signal.SIGINT)
        while body(ask(port, "/")) != b"draining True":
            pass
        process.terminate()
        assert process.wait(SECONDS) == CUT
        assert b" 503 " in read_all(client).splitlines()[0]
