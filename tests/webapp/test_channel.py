"""Slow clients cost nobody else anything, and clients who leave leave nothing behind."""

import contextlib
import tempfile
import time

import pytest
from tiny_server import (
    MEBIBYTE,
    SECONDS,
    ask,
    body,
    connected,
    get,
    is_closed,
    open_descriptors,
    read_all,
    read_answer,
)

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
def test_much_at_once_is_no_leave_to_be_silent_for_long(serve):
    """What was sent is held in memory meanwhile, of which there is so much for all."""
    running = serve(upload_bytes_per_second=1, silent_sender_seconds=0.3)
    began = time.monotonic()
    with connected(running.port, get("/length", "Content-Length: 2000")) as client:
        for _ in range(3):
            client.sendall(bytes(500))
            assert not is_closed(client, wait=0.1)
        assert is_closed(client)
    assert time.monotonic() < began + SECONDS / 2


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
    with connected(serve(response_buffer_bytes=64 * 1024).port) as client:
        for _ in range(2):  # with an error in between the connection would be closed
            client.sendall(get("/big"))
            assert len(body(read_answer(client))) == 6 * MEBIBYTE


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
