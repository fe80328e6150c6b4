"""The benchmark beside a peer: both get the same requests at the same times."""

import base64
import io
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import islice
from urllib.parse import parse_qs, urlsplit

import pytest
from fakes import FAKE_INFO
from PIL import Image

from scripts.benchmarks import peers
from scripts.benchmarks.arguments import QUICK
from scripts.benchmarks.arrivals import at_once, parameters, poisson, send_all
from scripts.benchmarks.images import Painted
from scripts.benchmarks.painting import draw_requests
from scripts.benchmarks.peers import LITSERVE, OURS, both_ways, mix
from scripts.benchmarks.server_process import Server

PLAN = replace(QUICK, requests=(3,))
DOT = Image.new("RGB", (1, 1), (9, 9, 9))


def png(image: Image.Image = DOT) -> bytes:
    file = io.BytesIO()
    image.save(file, "PNG")
    return file.getvalue()


def painted(*latencies: float) -> Painted:
    return Painted(latencies, (DOT,) * len(latencies))


def test_equal_rates_have_equal_schedules_which_never_repeat():
    first, again = (list(islice(poisson(2.5, 5), 3)) for _ in range(2))
    assert first == again
    assert first[0] != first[1]
    for schedule in first:
        assert schedule[0] == 0
        assert schedule == sorted(schedule)
    assert next(poisson(2.5, 3)) != next(poisson(4, 3))


def test_a_rate_is_of_requests_a_second():
    [schedule] = islice(poisson(4, 10_000), 1)
    assert schedule[-1] == pytest.approx(10_000 / 4, rel=0.05)


def test_each_request_is_sent_when_it_is_due_and_none_waits_for_an_earlier_one():
    requests = draw_requests(FAKE_INFO, PLAN, 3)
    sent, second_came = [], threading.Event()
    began = time.perf_counter()

    def send(fields):
        sent.append((fields["seed"], time.perf_counter() - began))
        if fields["seed"] == 0:
            assert second_came.wait(10)
        second_came.set()
        return png(Image.new("RGB", (1, 1), (fields["seed"], 0, 0)))

    result = send_all(send, requests, [0.0, 0.1, 0.1])
    assert [seed for seed, _ in sent][0] == 0
    assert all(at >= 0.1 for _, at in sent[1:])
    assert result.latencies[0] > 0.09 > 0
    assert [image.getpixel((0, 0))[0] for image in result.images] == [0, 1, 2]


def test_a_latency_counts_from_the_time_that_a_request_was_due():
    """So one is not forgiven for what kept its client from sending."""
    result = send_all(lambda fields: png(), draw_requests(FAKE_INFO, PLAN, 1), [-5.0])
    assert result.latencies[0] >= 5


def test_what_a_peer_and_our_api_are_asked_is_the_whole_request():
    [request] = draw_requests(FAKE_INFO, PLAN, 1)
    fields = parameters(request)
    assert FAKE_INFO.request(fields.pop("prompt"), **fields) == request


def test_half_of_mixed_requests_ask_for_many_steps():
    mixed = mix(draw_requests(FAKE_INFO, PLAN, 4), (6, 40))
    assert [request.num_inference_steps for request in mixed] == [6, 40, 6, 40]


def test_a_burst_is_judged_by_its_last_image_and_a_rate_by_its_mean():
    measured = {LITSERVE: [painted(4.0, 4.0)], OURS: [painted(1.0, 5.0)]}
    burst, rate = peers.compare_burst(measured), peers.compare_rate(2.5, measured)
    [of_burst], [of_rate] = burst.targets, rate.targets
    assert of_burst.measured.median == pytest.approx(5 / 4)
    assert of_burst.promised.endswith("at most 1.02")
    assert not of_burst.is_met
    assert of_rate.measured.median == pytest.approx(3 / 4)
    assert of_rate.promised == "2.5 requests a second: ours / LitServe's, mean latency, under 1"
    assert of_rate.is_met
    assert burst.details["latencies, s"][OURS] == [(1.0, 5.0)]


def test_of_mixed_requests_the_short_ones_are_judged():
    mixed = mix(draw_requests(FAKE_INFO, PLAN, 4), (6, 40))
    measured = {LITSERVE: [painted(4.0, 4.0, 6.0, 6.0)], OURS: [painted(1.0, 9.0, 2.0, 9.0)]}
    comparison = peers.compare_mixed(mixed, (6, 40), measured)
    short, long = comparison.figures
    assert (short.values[LITSERVE], short.values[OURS]) == ([5.0], [1.5])
    assert (long.values[LITSERVE], long.values[OURS]) == ([5.0], [9.0])
    [target] = comparison.targets
    assert target.measured.median == pytest.approx(0.3)
    assert target.promised.endswith("at most 0.5")


class Stub(BaseHTTPRequestHandler):
    """Answers as a peer and as our server, and notes what it was asked."""

    def do_GET(self) -> None:
        query = {name: value for name, [value] in parse_qs(urlsplit(self.path).query).items()}
        self.answer("ours", query)

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.answer("peer", json.loads(body))

    def answer(self, who: str, fields: dict[str, object]) -> None:
        self.server.asked.append((who, {name: str(value) for name, value in fields.items()}))
        body = json.dumps({"image": base64.b64encode(png()).decode()}).encode()
        self.send_response(200)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


class StubPeer:
    def __init__(self, port: int, asked: list) -> None:
        self.port, self.asked = port, asked

    @contextmanager
    def awake(self) -> Iterator[None]:
        self.asked.append(("wakes", {}))
        yield
        self.asked.append(("sleeps", {}))


@pytest.fixture
def stub() -> Iterator[ThreadingHTTPServer]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Stub) as server:
        server.asked = []
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def test_the_peer_is_awake_for_its_own_requests_alone(stub):
    peer, server = StubPeer(stub.server_port, stub.asked), Server(0.0, 0, stub.server_port, 0)
    ways = both_ways(peer, server, draw_requests(FAKE_INFO, PLAN, 2), lambda: at_once(2))
    ways[LITSERVE]()
    ways[OURS]()
    assert [who for who, _ in stub.asked] == ["wakes", "peer", "peer", "sleeps", "ours", "ours"]
    of_peer, of_ours = (
        sorted((fields for who, fields in stub.asked if who == whose), key=str)
        for whose in ("peer", "ours")
    )
    assert of_peer == of_ours
    assert of_peer[0] != of_peer[1]


def test_both_ways_take_the_same_schedules_in_turn(stub, monkeypatch):
    taken = []
    monkeypatch.setattr(peers, "send_all", lambda send, requests, schedule: taken.append(schedule))
    peer, server = StubPeer(0, []), Server(0.0, 0, 0, 0)
    ways = both_ways(peer, server, [], lambda: poisson(2.0, 3))
    for way in (LITSERVE, OURS, OURS, LITSERVE):
        ways[way]()
    assert taken[0] == taken[1]
    assert taken[2] == taken[3]
    assert taken[0] != taken[2]


def test_a_burst_three_rates_and_a_mixture_are_measured(stub, monkeypatch):
    monkeypatch.setattr(peers, "RATES", (100.0, 200.0, 300.0))
    monkeypatch.setattr(peers, "MIXED_RATE", 100.0)
    peer, server = StubPeer(stub.server_port, []), Server(0.0, 0, stub.server_port, 0)
    compared = list(peers.beside(peer, server, FAKE_INFO, PLAN))
    assert [each.title for each in compared] == [
        "Beside LitServe: a burst of 3",
        "Beside LitServe: 100 requests a second",
        "Beside LitServe: 200 requests a second",
        "Beside LitServe: 300 requests a second",
        "Beside LitServe: 100 requests a second of 1 and 3 steps",
    ]
    assert all(len(each.targets) == 1 for each in compared)
    assert all("at most 0 of 255" in each.note for each in compared)
