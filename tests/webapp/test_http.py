"""The whole server but its models: real sockets, real clients, two ports, and an end."""

import base64
import contextlib
import json
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from io import BytesIO

import pytest
from fakes import FakeBlip, FakeSDXL
from PIL import Image
from web_client import JSON, SECONDS, picture

import captioner.engine
import generator.engine
from generator.job import Cancelled
from webapp import create_app
from webapp.job_store import FETCH_SECONDS, JobStore
from webapp.limits import Limits
from webapp.server import CUT, FINISHED, Server, bind
from webapp.services import Services
from webapp.settings import Settings

pytestmark = pytest.mark.slow

MEBIBYTE = 2**20


class Clock:
    """The store's: time passes when a test says so."""

    now = 0.0

    def __call__(self):
        return self.now


class Gate:
    """Stops the model before each denoising step until it is opened."""

    def __init__(self):
        self.reached, self.opened = threading.Event(), threading.Event()

    def __call__(self, stage, prompt):
        if stage == "denoise":
            self.reached.set()
            assert self.opened.wait(SECONDS)


class Engine(generator.engine.Engine):
    """Remembers the jobs that no page shows."""

    def __init__(self, model):
        super().__init__(model)
        self.submitted = []

    def submit(self, request, job=None, client=""):
        self.submitted.append(super().submit(request, job, client))
        return self.submitted[-1]


class Running:
    """A server in a thread of its own, over fakes."""

    def __init__(self, services, server, exit_code, clock):
        self.services, self.server, self.exit_code = services, server, exit_code
        self.clock = clock
        self.page, self.api = server.ports

    def connect(self, port=None):
        return contextlib.closing(HTTPConnection("127.0.0.1", port or self.page, timeout=SECONDS))

    def ask(self, method, path, body=None, headers=None, port=None):
        """Status, headers and body, over a connection of its own."""
        with self.connect(port) as connection:
            connection.request(method, path, body, headers or {})
            response = connection.getresponse()
            return response.status, response.headers, response.read()

    def upload(self, data, **fields):
        body, content_type = multipart(data, **fields)
        return self.ask("POST", "/", body, {"Content-Type": content_type})


def multipart(data, **fields):
    lines = []
    for name, text in fields.items():
        lines.append(f'--b0\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{text}\r\n')
    lines.append(
        '--b0\r\nContent-Disposition: form-data; name="image"; filename="a.png"\r\n'
        "Content-Type: image/png\r\n\r\n"
    )
    return "".join(lines).encode() + data + b"\r\n--b0--\r\n", "multipart/form-data; boundary=b0"


@contextlib.contextmanager
def serving(model):
    clock = Clock()
    services = Services(captioner.engine.Engine(FakeBlip()), Engine(model), JobStore(clock=clock))
    server = Server(
        create_app(Settings(), services),
        bind("127.0.0.1", [0, 0]),
        Limits(threads=8),
        is_busy=services.jobs.are_awaited,
    )
    services.captioner.start()
    services.generator.start()
    with ThreadPoolExecutor(1) as pool:
        running = Running(services, server, pool.submit(server.run), clock)
        try:
            yield running
        finally:
            server.stop()
            server.stop()
            services.captioner.close()
            services.generator.close()
    for thread in threading.enumerate():
        if thread.name.startswith("waitress"):
            thread.join(SECONDS)


@pytest.fixture
def running():
    with serving(FakeSDXL()) as running:
        yield running


@pytest.fixture
def gate():
    gate = Gate()
    yield gate
    gate.opened.set()


@pytest.fixture
def gated(gate):
    """A server whose images wait at the gate."""
    with serving(FakeSDXL(on_stage=gate)) as running:
        try:
            yield running
        finally:
            gate.opened.set()


def read_event(stream):
    """Name and data of the next event."""
    event = {}
    while line := stream.readline().decode().strip():
        name, _, value = line.partition(": ")
        event[name] = value
    return (event["event"], json.loads(event["data"])) if "event" in event else None


def events_until(stream, last):
    names = []
    while last not in names:
        if event := read_event(stream):
            names.append(event[0])
    return names


def test_a_picture_becomes_a_similar_image(running):
    status, headers, _ = running.upload(picture(), seed="7", negative_prompt="Schnürsenkel 猫")
    assert status == 303
    job = headers["Location"]
    with running.connect() as connection:
        connection.request("GET", f"{job}/events")
        names = events_until(connection.getresponse(), "succeeded")
    assert names[:3] == ["captioning", "captioned", "queued"]
    status, headers, body = running.ask("GET", f"{job}/image.png")
    assert (status, headers["Content-Type"]) == (200, "image/png")
    assert Image.open(BytesIO(body)).getpixel((0, 0)) == (7, 100, 200)
    _, _, body = running.ask("GET", job, headers=JSON)
    told = json.loads(body)
    assert (told["status"], told["caption"]) == ("succeeded", "a picture of 20x10")
    assert told["negative_prompt"] == "Schnürsenkel 猫"


def test_events_arrive_while_the_job_runs(gated, gate):
    _, headers, _ = gated.upload(picture())
    with gated.connect() as connection:
        connection.request("GET", f"{headers['Location']}/events")
        stream = connection.getresponse()
        names = events_until(stream, "progress")
        assert names == ["captioning", "captioned", "queued", "progress"]
        assert not gate.opened.is_set()
        gate.opened.set()
        assert events_until(stream, "succeeded") == ["progress"] * 4 + ["succeeded"]
        assert stream.read() == b""


def test_both_ports_serve_the_page_and_the_api(running):
    for port in (running.page, running.api):
        status, _, body = running.ask("GET", "/generate-image?prompt=a+red+house", port=port)
        assert status == 200
        assert base64.b64decode(json.loads(body)["image"]).startswith(b"\x89PNG")
        assert running.ask("GET", "/", port=port)[0] == 200


@pytest.mark.parametrize(
    "lines",
    [
        "GET /generate-image?prompt=café HTTP/1.1\r\nHost: localhost",  # curl without --get
        "GET /generate-image?prompt=a red house HTTP/1.1\r\nHost: localhost",
        "GET / HTTP/1.1\r\nHost: localhost\r\nHost: evil.example",
        "GET / HTTP/1.0",
    ],
)
def test_what_is_no_proper_request_is_a_4xx(running, lines):
    with socket.create_connection(("127.0.0.1", running.api), SECONDS) as client:
        client.sendall(f"{lines}\r\nConnection: close\r\n\r\n".encode())
        assert client.makefile("rb").readline().startswith((b"HTTP/1.1 4", b"HTTP/1.0 4"))


def test_a_chunked_upload_is_read(running):
    body, content_type = multipart(picture())
    halves = iter([body[:50], body[50:]])
    with running.connect() as connection:
        connection.request("POST", "/", halves, {"Content-Type": content_type}, encode_chunked=True)
        assert connection.getresponse().status == 303


def test_an_upload_over_the_limit_gets_the_form_again(running):
    status, _, body = running.upload(picture() + bytes(21 * MEBIBYTE))
    assert status == 413
    assert b"send a picture of at most 20 MB" in body
    assert b"<form" in body


def test_a_foreign_name_is_refused(running):
    for host in ("evil.example", "localhost:80@evil.example", "."):
        assert running.ask("GET", "/", headers={"Host": host})[0] == 421


def test_a_client_who_leaves_cancels_its_job(gated, gate):
    with gated.connect() as connection:
        connection.request("GET", "/generate-image?prompt=x&num_inference_steps=200")
        assert gate.reached.wait(SECONDS)
    (job,) = gated.services.generator.submitted
    assert isinstance(job.wait(SECONDS), Cancelled)
    gate.opened.set()
    assert gated.ask("GET", "/generate-image?prompt=y")[0] == 200
    assert job.progress.step == 0
    assert gated.services.generator.stats().jobs == 0


def test_the_end_finishes_what_runs_answers_for_it_and_takes_nothing_new(gated, gate):
    _, headers, _ = gated.upload(picture())
    job = headers["Location"]
    assert gate.reached.wait(SECONDS)
    gated.server.stop()

    _, _, body = gated.ask("GET", job, headers=JSON)
    assert json.loads(body)["status"] == "running"
    status, headers, _ = gated.upload(picture())
    assert (status, headers["Retry-After"]) == (503, "60")
    status, headers, _ = gated.ask("GET", "/generate-image?prompt=x", port=gated.api)
    assert (status, headers["Retry-After"]) == (503, "60")
    assert gated.ask("GET", "/healthz")[0] == 200
    assert gated.ask("GET", "/readyz")[0] == 503

    with gated.connect() as connection:
        connection.request("GET", f"{job}/events")
        stream = connection.getresponse()
        gate.opened.set()
        assert events_until(stream, "succeeded")[-1] == "succeeded"
    assert gated.ask("GET", job)[0] == 200  # its page, drawn anew, fetches the image
    assert gated.ask("GET", f"{job}/image.png")[0] == 200
    gated.clock.now += FETCH_SECONDS
    assert gated.exit_code.result(SECONDS) == FINISHED


def test_the_end_waits_for_a_call_that_waits_for_its_image(gated, gate):
    with gated.connect() as connection:
        connection.request("GET", "/generate-image?prompt=x&seed=7")
        assert gate.reached.wait(SECONDS)
        gated.server.stop()
        gate.opened.set()
        response = connection.getresponse()
        assert response.status == 200
        assert json.loads(response.read())["seed"] == 7
    assert gated.exit_code.result(SECONDS) == FINISHED


def test_a_second_stop_cuts_what_runs_and_says_so(gated, gate):
    gated.upload(picture())
    assert gate.reached.wait(SECONDS)
    gated.server.stop()
    gated.server.stop()
    assert gated.exit_code.result(SECONDS) == CUT
