"""The benchmark measures what it says it does, and reckons rightly."""

import json
import os
import platform
import threading
from dataclasses import replace
from pathlib import Path

import pytest
from fakes import FakeBlip, FakeSDXL
from PIL import Image
from tiny import tiny_pipeline

import captioner.engine
import generator.engine
import webapp.server
from generator.sdxl import SDXL
from models_cache.catalog import SDXL_BASE, Checkpoint, Family
from scripts.benchmarks import engine_benchmark, http_benchmark, late_benchmark
from scripts.benchmarks.engine_benchmark import ENGINE, ONE_BY_ONE, ONE_CALL, AtOnce
from scripts.benchmarks.http_benchmark import Web
from scripts.benchmarks.late_benchmark import ALONE, JOINS, WAITS, Late
from scripts.benchmarks.machine import describe_machine, public_name
from scripts.benchmarks.other_work import OtherWork
from scripts.benchmarks.plan import QUICK
from scripts.benchmarks.repetition import Spread, interleave, pixel_difference, ratio
from scripts.benchmarks.report import Report, to_json, to_markdown
from scripts.benchmarks.server_process import Server
from scripts.benchmarks.start_benchmark import Starts
from scripts.benchmarks.table import table
from scripts.benchmarks.targets import targets
from webapp import create_app
from webapp.job_store import JobStore
from webapp.limits import Limits
from webapp.services import Services
from webapp.settings import Settings

ONE = AtOnce(
    1,
    {
        ONE_BY_ONE: [(1.0,), (2.0,), (1.0,)],
        ONE_CALL: [(1.0,), (2.0,), (1.0,)],
        ENGINE: [(1.1,), (1.9,), (1.04,)],
    },
    largest_pixel_difference=1,
)
EIGHT = AtOnce(
    8,
    {
        ONE_BY_ONE: [tuple(range(1, 9))],
        ONE_CALL: [(4.0,) * 8],
        ENGINE: [(3.0, *[5.0] * 7)],
    },
    largest_pixel_difference=0,
)
LATE = Late({ALONE: [(2.0,)], JOINS: [(2.5, 2.2)], WAITS: [(2.0, 3.0)]}, 0)
WEB = Web("page upload", [1.02, 1.04, 1.20], [1.0, 1.0, 1.0], 0)
STARTS = Starts([6.0], [7.0], [5.0])
REPORT = Report(
    date="2026-01-01T00:00:00+00:00",
    machine={"cpu": "a CPU", "cores": 2},
    models={"generator": "a generator"},
    plan=QUICK,
    engine=[ONE, EIGHT],
    late=LATE,
    web=[WEB],
    start=STARTS,
)


def test_a_spread_is_of_the_median_between_the_extremes():
    assert Spread.of([3.0, 1.0, 2.0, 10.0]) == Spread(2.5, 1.0, 10.0)
    assert f"{Spread(2.5, 1.0, 10.0):.1f}" == "2.5 (1.0 to 10.0)"


def test_a_ratio_is_taken_within_each_repetition():
    assert ratio([1.0, 20.0, 3.0], [1.0, 10.0, 1.0]) == Spread(2.0, 1.0, 3.0)


def test_each_variant_is_first_in_turn():
    order: list[str] = []
    interleave({name: lambda name=name: order.append(name) for name in "abc"}, 3, warms_up=False)
    assert "".join(order) == "abcbcacab"


def test_a_warm_up_is_not_among_the_results():
    calls = iter(range(10))
    assert interleave({"a": lambda: next(calls)}, 2, warms_up=True) == {"a": [1, 2]}


def test_the_largest_difference_of_a_pixel_is_found():
    grey, dark = Image.new("RGB", (2, 2), (9, 9, 9)), Image.new("RGB", (2, 2), (9, 4, 9))
    assert pixel_difference([grey, grey], [grey, dark]) == 5


def test_latency_and_throughput_of_requests_at_once():
    assert EIGHT.mean(ONE_BY_ONE) == [4.5]
    assert EIGHT.worst(ONE_BY_ONE) == [8.0]
    assert EIGHT.images_per_second(ONE_CALL) == [2.0]
    assert EIGHT.ratios(ONE_CALL)["images/s"].median == pytest.approx(1.6 / 2.0)
    assert EIGHT.ratios(ONE_BY_ONE)["mean latency"].median == pytest.approx(4.75 / 4.5)


def test_a_late_request_is_compared_with_one_that_waits():
    figures = LATE.figures
    assert figures["the late one, joining / waiting"].median == pytest.approx(2.2 / 3.0)
    assert figures["the first is delayed by, s"].median == 0.5


def test_targets_are_judged_by_the_median():
    assert [(target.is_met, target.verdict) for target in targets([ONE, EIGHT], [WEB])] == [
        (True, "met"),  # 1.04 of at most 1.05
        (False, "MISSED"),  # 0.8 of at least 0.9
        (False, "MISSED"),  # 1.6 of over 2
        (True, "met"),  # 40 ms of under 50
    ]


def test_what_was_not_measured_has_no_target():
    assert targets([], []) == []


def test_json_holds_every_measurement_and_what_the_tables_show():
    document = json.loads(to_json(REPORT))
    assert document["engine"][1]["latencies"][ONE_CALL] == [[4.0] * 8]
    shown = document["figures"]["engine"]["1"]["engine over"][ONE_BY_ONE]["mean latency"]
    assert shown["median"] == pytest.approx(1.04)
    assert document["figures"]["web"]["page upload"]["added, ms"]["median"] == pytest.approx(40)
    assert [target["met"] for target in document["targets"]] == [True, False, False, True]


def test_the_tables_name_every_variant_and_verdict():
    text = to_markdown(REPORT)
    for name in (ONE_BY_ONE, ONE_CALL, ENGINE, "page upload", "MISSED", "ready, s", "1 of 255"):
        assert name in text


def test_figures_of_a_machine_with_other_work_are_marked():
    assert "0.60 cores" in to_markdown(replace(REPORT, cores_taken=0.6))
    for unmarked in (None, 0.02):
        assert "mislead" not in to_markdown(replace(REPORT, cores_taken=unmarked))


def test_what_others_take_is_known_or_none():
    taken = OtherWork().cores()
    assert taken is None or taken >= 0


def test_columns_line_up():
    assert table(("a", "bcd"), [("1234", "5")]) == (
        "| a    | bcd |\n| ---- | --- |\n| 1234 | 5   |"  # fmt: skip
    )


@pytest.mark.tiny
def test_the_engine_is_measured_beside_the_pipeline(tmp_path: Path):
    sdxl = SDXL(tiny_pipeline(tmp_path), "tiny")
    at_once = engine_benchmark.measure(sdxl, 8, QUICK, count=2)
    late = late_benchmark.measure(sdxl, 8, QUICK)
    assert [len(each) for each in at_once.latencies[ENGINE]] == [2] * QUICK.repeat
    assert at_once.largest_pixel_difference <= 1
    assert late.largest_pixel_difference <= 1
    machine = describe_machine(sdxl.device)
    text = to_json(Report("a date", machine, {}, QUICK, [at_once], late))
    assert '"/' not in text, "a path"
    assert platform.node() not in machine.values()


def test_a_model_in_a_folder_is_named_without_the_folder(tmp_path: Path):
    mine = Checkpoint(str(tmp_path / "mine"), Family.SDXL, folder=tmp_path / "mine")
    assert public_name(mine) == "mine"
    assert public_name(SDXL_BASE) == "stabilityai/stable-diffusion-xl-base-1.0"


def test_the_web_is_measured_beside_the_engines():
    captions, images = captioner.engine.Engine(FakeBlip()), generator.engine.Engine(FakeSDXL())
    app = create_app(Settings(), Services(captions, images, JobStore()))
    server = webapp.server.Server(app, webapp.server.bind("127.0.0.1", [0, 0]), Limits(threads=4))
    thread = threading.Thread(target=server.run, name="server")
    captions.start()
    images.start()
    thread.start()
    try:
        web = http_benchmark.measure(
            Server(0.0, *server.ports, os.getpid()), captions, images, QUICK
        )
    finally:
        server.stop()
        thread.join()
        captions.close()
        images.close()
    assert [each.route for each in web] == ["GET /generate-image", "page upload"]
    assert [each.largest_pixel_difference for each in web] == [0, 0]
    assert [len(each.http) for each in web] == [QUICK.repeat] * 2
