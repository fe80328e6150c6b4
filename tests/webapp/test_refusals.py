"""What the server refuses unread is told in the app's own words, also while it is still sent."""

import contextlib
import json
import threading

import pytest
from shared_app import client_of
from tiny_server import MEBIBYTE, ask, body, connected, get, read_all, run_in_thread
from tiny_server import SECONDS as PATIENCE

from webapp.body_memory import BodyMemory
from webapp.limits import Limits
from webapp.server import CUT, Server, bind

pytestmark = pytest.mark.slow

TOO_LARGE = "The upload is too large: send a picture of at most 20 MB."
NO_ROOM = "Too many pictures are being sent at once: try again in a minute."
STOPPING = "The server is stopping: try again in a minute."
CHUNKED = "Transfer-Encoding: chunked"


@pytest.fixture
def serve_pages(by_hand):
    """The port of the app itself, over engines that nobody drives; and its server."""
    with contextlib.ExitStack() as ends:

        def start(**limits):
            app = client_of(by_hand, testing=False).application
            server = Server(app, bind("127.0.0.1", [0]), Limits(threads=4, **limits))
            return ends.enter_context(run_in_thread(server))

        yield start
        by_hand.generator.close()


def post(path, *headers):
    return get(path, *headers).replace(b"GET", b"POST", 1)


def send_all(client, data):
    with contextlib.suppress(ConnectionError):
        client.sendall(data)


def send_for_ever(client):
    for _ in range(PATIENCE * 100):
        client.send(b"x")
        threading.Event().wait(0.01)


@pytest.mark.parametrize("path", ["/", "/generate-image", "/jobs/unknown/cancel", "/nothing"])
@pytest.mark.parametrize("program", [False, True])
def test_a_body_over_the_limit_is_told_as_every_error_is(serve_pages, path, program):
    running = serve_pages(max_request_body_bytes=1000)
    accept = "Accept: application/json" if program else "Accept: text/html"
    with connected(running.port, post(path, "Content-Length: 1001", accept)) as client:
        answer = read_all(client)
    assert b" 413 " in answer.splitlines()[0]
    if program or path == "/generate-image":
        assert json.loads(body(answer)) == {"error": TOO_LARGE, "field": None}
    else:
        assert b"<!doctype html>" in body(answer).lower()
        assert TOO_LARGE.encode() in body(answer)


@pytest.mark.parametrize("is_chunked", [False, True])
def test_who_sends_far_too_much_reads_why(serve_pages, is_chunked):
    """Closed at once, the connection would be reset under what is still to come."""
    running = serve_pages(max_request_body_bytes=MEBIBYTE)
    size = 40 * MEBIBYTE
    head = CHUNKED if is_chunked else f"Content-Length: {size}"
    with connected(running.port, post("/", head)) as client:
        if is_chunked:
            client.sendall(f"{size:x}\r\n".encode())
        client.sendall(bytes(size))
        answer = read_all(client)
    assert b" 413 " in answer.splitlines()[0]
    assert TOO_LARGE.encode() in body(answer)


def test_a_length_beyond_every_number_is_too_much(serve):
    with connected(serve().port, get("/length", f"Content-Length: {10**30}")) as client:
        assert b" 413 " in read_all(client).splitlines()[0]


def test_nobody_is_asked_to_send_what_is_too_much(serve):
    port = serve(max_request_body_bytes=1000).port
    with connected(port, get("/length", "Content-Length: 1001", "Expect: 100-continue")) as client:
        answer = read_all(client)
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert answer.count(b"HTTP/1.1 ") == 1


def test_who_goes_on_sending_for_ever_is_closed(serve):
    running = serve(max_request_body_bytes=1000, read_deadline_seconds=0.3)
    with connected(running.port, get("/length", "Content-Length: 100000000")) as client:
        assert b" 413 " in read_all(client).splitlines()[0]
        with pytest.raises(ConnectionError):
            send_for_ever(client)


# All bodies together


def test_bodies_that_leave_no_room_are_refused_and_give_it_back(serve_pages):
    running = serve_pages(held_bodies_bytes=3 * MEBIBYTE)
    head = post("/", f"Content-Length: {2 * MEBIBYTE}")
    with connected(running.port, head + bytes(2 * MEBIBYTE - 1)) as first:
        ask_for_bytes(running, 2 * MEBIBYTE - 1, exactly=True)
        with connected(running.port, head) as second:
            second.sendall(bytes(2 * MEBIBYTE))
            answer = read_all(second)
        assert b" 503 " in answer.splitlines()[0]
        assert b"Retry-After: 60" in answer
        assert NO_ROOM.encode() in body(answer)
        first.sendall(b"x")
        assert b" 400 " in first.recv(100)  # read: it is no form
        with connected(running.port, head + bytes(2 * MEBIBYTE)) as third:
            assert b" 400 " in third.recv(100)


def test_a_small_body_finds_room_when_there_is_none(serve):
    running = serve(held_bodies_bytes=0)
    head = get("/length", "Content-Length: 1000", "Connection: close")
    with connected(running.port, head + bytes(500)) as client:
        ask_for_bytes(running, 500, exactly=True)
        client.sendall(bytes(500))
        assert body(read_all(client)) == b"1000"


@pytest.mark.parametrize("leaves", ["while it sends", "while it waits", "answered", "pipelined"])
def test_every_body_is_given_back(serve, app, leaves):
    running = serve()
    head = get("/wait", "Content-Length: 100000")
    request = head + bytes(100_000 - (leaves == "while it sends"))
    with connected(running.port, request * (2 if leaves == "pipelined" else 1)) as client:
        ask_for_bytes(running, 99_999)
        if leaves == "answered":
            app.release.set()
            assert b" 200 " in client.recv(100)
    app.release.set()
    ask_for_bytes(running, 0, exactly=True)


def ask_for_bytes(running, size, exactly=False):
    """Waits until so many are held."""
    memory = running.server._memory
    for _ in range(PATIENCE * 100):
        if memory.held_bytes == size or (not exactly and memory.held_bytes > size):
            return
        threading.Event().wait(0.01)
    raise AssertionError(f"{memory.held_bytes} bytes are held, and not {size}")


def test_what_nobody_will_be_asked_for_is_given_back(serve, app):
    """The client of two requests leaves when the first is answered, but its view is not done."""

    class Late(list):
        def close(self):
            app.entered.set()
            app.release.wait(PATIENCE)

    def late(environ, start_response):
        app.reply(start_response, b"ok")
        return Late([b"ok"])

    app.late = late
    running = serve()
    with connected(running.port, get("/late", "Content-Length: 100000") + bytes(100_000)) as client:
        client.sendall(get("/late", "Content-Length: 100000") + bytes(100_000))
        assert app.entered.wait(PATIENCE)
        ask_for_bytes(running, 200_000)
        for channel in running.server._channels():
            channel.handle_close()  # as the server's loop does where the rest cannot be sent
    app.release.set()
    ask_for_bytes(running, 0, exactly=True)


class Holder:
    held_bytes = 0


def test_the_memory_of_bodies_counts_what_each_holds_now():
    memory, first, second = BodyMemory(10), Holder(), Holder()
    for holder, held, total, has_room in [
        (first, 6, 6, True),
        (second, 5, 11, False),
        (first, 2, 7, True),
        (second, 0, 2, True),
        (first, 0, 0, True),
    ]:
        holder.held_bytes = held
        memory.settle(holder)
        assert (memory.held_bytes, memory.has_room()) == (total, has_room)


# The end of the drain


def test_who_is_cut_without_a_byte_of_an_answer_is_told_so(serve_pages, by_hand):
    running = serve_pages(drain_seconds=0)
    with connected(running.port, get("/generate-image?prompt=x")) as client:
        while not by_hand.generator.stats().jobs:
            pass
        running.stop()
        answer = read_all(client)
    assert running.ends_with() == CUT
    assert b" 503 " in answer.splitlines()[0]
    assert b"Retry-After: 60" in answer
    assert json.loads(body(answer)) == {"error": STOPPING, "field": None}


def test_an_upload_that_is_cut_is_told_so(serve, app):
    running = serve(drain_seconds=0.1)
    with (
        connected(running.port, get("/wait")),
        connected(running.port, get("/length", "Content-Length: 1000")) as client,
    ):
        assert app.entered.wait(PATIENCE)
        ask(running.port, "/port")  # by now the second was read
        running.stop()
        answer = read_all(client)
    assert b" 503 " in answer.splitlines()[0]
    assert STOPPING.encode() in body(answer)


def test_an_answer_that_has_begun_is_cut_where_it_is(serve, app):
    running = serve(drain_seconds=0.1)
    with connected(running.port, get("/events")) as client:
        answer = client.recv(4096)
        running.stop()
        answer += read_all(client)
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert answer.count(b"HTTP/1.1 ") == 1


def test_the_view_that_was_cut_can_say_nothing_more(serve, app):
    """Not even while its client is told so."""
    running = serve(drain_seconds=0)

    def let_the_view_end():
        app.release.set()
        while running.server._dispatcher.active_count:
            pass

    app.before_refusal = let_the_view_end
    with connected(running.port, get("/wait")) as client:
        assert app.entered.wait(PATIENCE)
        running.stop()
        assert running.ends_with() == CUT
        answer = read_all(client)
    assert b" 503 " in answer.splitlines()[0]
    assert answer.count(b"HTTP/1.1 ") == 1
    assert b"done" not in answer
