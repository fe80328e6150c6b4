"""What is refused before the app could read it is told as every error is."""

import contextlib
import json
import logging
import socket
import threading
import time
from collections.abc import Iterator
from http.client import HTTPResponse

import pytest

from webapp.access import REQUEST_ID
from webapp.guards import HEADERS
from webapp.limits import Limits
from webapp.server import Server, bind

SECONDS = 5  # no wait in this file is longer
LONG = "x" * 40_000


@pytest.fixture
def port() -> Iterator[int]:
    def app(environ, start_response):
        raise AssertionError("the app was asked")

    server = Server(app, bind("127.0.0.1", [0]), Limits(threads=1))
    thread = threading.Thread(target=server.run)
    thread.start()
    yield server.ports[0]
    server.stop()
    server.stop()
    thread.join(SECONDS)
    for each in threading.enumerate():
        if each.name.startswith("waitress"):
            each.join(SECONDS)


def answer(port: int, first_line: str, *headers: str, body: str = "") -> HTTPResponse:
    lines = [first_line, "Host: localhost", *headers, "", body]
    with contextlib.closing(socket.create_connection(("127.0.0.1", port), SECONDS)) as client:
        client.sendall("\r\n".join(lines).encode())
        response = HTTPResponse(client)
        response.begin()
        response.text = response.read().decode()
    return response


UNREADABLE = [
    pytest.param(
        "GET {}?prompt=" + LONG,
        "X: y",
        "",
        431,
        "The address and the headers of this request are too long: 32 kB together at most.",
        id="long address",
    ),
    pytest.param(
        "GET {}?prompt=a red house",
        "X: y",
        "",
        400,
        "This request cannot be read: Start line is invalid. An address has no spaces, and no"
        " letters that are not percent-encoded.",
        id="spaces",
    ),
    pytest.param(
        "POST {}",
        "Content-Length: +5",
        "",
        400,
        "This request cannot be read: Content-Length is invalid.",
        id="no length",
    ),
    pytest.param(
        "POST {}",
        "Transfer-Encoding: gzip",
        "",
        501,
        "This server reads no Transfer-Encoding but chunked.",
        id="gzip",
    ),
]


@pytest.mark.parametrize(("line", "header", "body", "status", "sentence"), UNREADABLE)
def test_a_program_reads_why_it_was_refused(port, line, header, body, status, sentence):
    line = f"{line.format('/generate-image')} HTTP/1.1"
    response = answer(port, line, header, body=body)
    assert (response.status, json.loads(response.text)) == (
        status,
        {"error": sentence, "field": None},
    )
    assert response.headers["Content-Type"] == "application/json"
    assert response.headers["Connection"] == "close"
    assert HEADERS.items() <= dict(response.headers).items()


@pytest.mark.parametrize(("line", "header", "body", "status", "sentence"), UNREADABLE)
def test_a_person_reads_the_same_sentence_alone(port, line, header, body, status, sentence):
    response = answer(port, f"{line.format('/')} HTTP/1.1", header, "Accept: text/html", body=body)
    assert (response.status, response.text) == (status, f"{sentence}\n")
    assert response.headers["Content-Type"] == "text/plain; charset=utf-8"


def test_who_asks_for_json_gets_it_at_every_address(port):
    response = answer(port, "POST / HTTP/1.1", "Accept: application/json", "Content-Length: +5")
    assert "Content-Length is invalid" in json.loads(response.text)["error"]


def logged(caplog: pytest.LogCaptureFixture) -> logging.LogRecord:
    """The one line of the log, which comes after the last byte of the answer."""
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline:
        if records := [each for each in caplog.records if each.name == "webapp.logs"]:
            [record] = records
            return record
        time.sleep(0.01)
    raise AssertionError("nothing was logged")


def test_it_is_named_and_logged_as_every_request_is(port, caplog):
    caplog.set_level(logging.INFO, "webapp")
    refused = answer(port, f"GET /secret-address?prompt={LONG}", "X: y")
    told = logged(caplog).fields
    assert told["request_id"] == refused.headers[REQUEST_ID]
    assert (told["method"], told["route"], told["status"]) == ("OTHER", "unknown", 431)
    assert (told["bytes"], told["client"]) == (int(refused.headers["Content-Length"]), "127.0.0.1")
    assert "secret-address" not in caplog.text
