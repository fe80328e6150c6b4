"""Who waits at the end of the drain is told so, wherever the request stands."""

import contextlib

import pytest
from tiny_server import MEBIBYTE, SECONDS, connected, get, is_closed, read_all, read_answer

from webapp.server import CUT

pytestmark = pytest.mark.slow

STOPPING = b"The server is stopping: try again in a minute."


def is_told(answer: bytes) -> bool:
    head, _, text = answer.partition(b"\r\n\r\n")
    lines = head.split(b"\r\n")
    assert lines[0].split()[1] == b"503", answer
    assert {b"Connection: close", b"Retry-After: 60"} <= set(lines)
    (length,) = [int(line.split()[1]) for line in lines if line.startswith(b"Content-Length")]
    return len(text) == length and STOPPING in text and answer.count(b"HTTP/1.") == 1


def test_who_still_waits_for_a_thread_is_told_too(serve, app):
    running = serve(threads=1, drain_seconds=0.1)
    with contextlib.ExitStack() as clients:
        first = clients.enter_context(connected(running.port, get("/wait")))
        assert app.entered.wait(SECONDS)
        queued = [clients.enter_context(connected(running.port, get("/port"))) for _ in range(20)]
        while len(running.server._dispatcher.queue) < 20:
            pass
        running.stop()
        assert running.ends_with() == CUT
        assert all(is_told(read_all(each)) for each in [first, *queued])
    app.release.set()


def test_the_second_request_of_a_connection_is_told_too(serve, app):
    running = serve(drain_seconds=0)
    with connected(running.port, get("/port")) as client:
        read_answer(client)
        client.sendall(get("/wait"))
        assert app.entered.wait(SECONDS)
        running.stop()
        assert is_told(read_all(client))


@pytest.mark.parametrize("version", ["1.0", "1.1"])
def test_of_two_requests_sent_at_once_the_first_is_told_and_the_connection_closed(
    serve, app, version
):
    running = serve(drain_seconds=0)
    with connected(
        running.port, get("/wait", "Connection: keep-alive", version=version) * 2
    ) as client:
        assert app.entered.wait(SECONDS)
        running.stop()
        answer = read_all(client)
    assert answer.count(b"HTTP/1.") == 1
    assert b" 503 " in answer.splitlines()[0]


def test_who_is_idle_or_has_not_said_what_it_wants_is_closed_without_a_word(serve, app):
    running = serve(drain_seconds=0)
    with (
        connected(running.port, get("/wait")),
        connected(running.port) as silent,
        connected(running.port, b"GET /port HTTP/1.1\r\n") as slow,
    ):
        assert app.entered.wait(SECONDS)
        running.stop()
        assert is_closed(silent)
        assert is_closed(slow)


def test_who_is_in_the_middle_of_an_upload_is_told(serve, app):
    running = serve(drain_seconds=0.3)
    with (
        connected(running.port, get("/wait")),
        connected(running.port, get("/length", f"Content-Length: {64 * MEBIBYTE}")) as client,
    ):
        assert app.entered.wait(SECONDS)
        running.stop()
        with contextlib.suppress(OSError):
            while not running.exit_code.done():
                client.sendall(bytes(1000))
        assert is_told(read_all(client))
