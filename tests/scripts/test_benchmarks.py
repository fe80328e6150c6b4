"""The benchmark measures what it says it does, and reckons rightly."""

import json
import os
import platform
import threading
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from fakes import FakeBlip, FakeSDXL
from PIL import Image
from tiny import TINY_INFO, tiny_pipeline

import captioner.engine
import generator.engine
import webapp.server
from captioner.request import CaptionRequest
from generator.sdxl import SDXL
from models_cache.catalog import SDXL_BASE, Checkpoint, Family
from scripts.benchmarks import images, web
from scripts.benchmarks.arguments import QUICK
from scripts.benchmarks.comparison import Comparison, Figure, Spread, Target, interleave
from scripts.benchmarks.images import (
    ALONE,
    APART,
    JOINS,
    ONE_BY_ONE,
    ONE_CALL,
    WAITS,
    Painted,
    compare_at_once,
    compare_late,
    largest_difference,
    pixel_difference,
)
from scripts.benchmarks.loaded import Loaded
from scripts.benchmarks.machine import describe_machine
from scripts.benchmarks.models import public_name
from scripts.benchmarks.report import Report, to_json, to_markdown
from scripts.benchmarks.server_process import Server
from scripts.benchmarks.table import table
from webapp import create_app
from webapp.job_store import JobStore
from webapp.limits import Limits
from webapp.services import Services
from webapp.settings import Settings

DOT = Image.new("RGB", (1, 1), (9, 9, 9))
OTHER_DOT = Image.new("RGB", (1, 1), (9, 4, 9))


def painted(*latencies: float, image: Image.Image = DOT) -> Painted:
    return Painted(latencies, (image,) * len(latencies))


ONE = compare_at_once(
    1,
    {
        ONE_BY_ONE: [painted(1.0), painted(2.0), painted(1.0)],
        ONE_CALL: [painted(1.0), painted(2.0), painted(1.0)],
        APART: [painted(1.1), painted(1.9), painted(1.04, image=OTHER_DOT)],
    },
)
EIGHT = compare_at_once(
    8,
    {
        ONE_BY_ONE: [painted(*range(1, 9))],
        ONE_CALL: [painted(*[4.0] * 8)],
        APART: [painted(3.0, *[5.0] * 7)],
    },
)
LATE = compare_late({ALONE: [painted(2.0)], WAITS: [painted(2.0, 3.0)], JOINS: [painted(2.5, 2.2)]})
WEB = Comparison(
    "The web: page upload",
    [Figure("one job, ms", {"engines alone": [1000.0], "over HTTP": [1040.0]})],
    targets=[Target("page upload: the web adds, ms", Spread.of([40.0]), "under", 50)],
)
REPORT = Report(
    date="2026-01-01T00:00:00+00:00",
    machine={"cpu": "a CPU", "cores": 2},
    models={"generator": "a generator"},
    plan=QUICK,
    comparisons=[ONE, EIGHT, LATE, WEB],
)


def figure(comparison: Comparison, what: str) -> Figure:
    (found,) = (each for each in comparison.figures if each.what == what)
    return found


def test_a_spread_is_of_the_median_between_the_extremes():
    spread = Spread.of([3.0, 1.0, 2.0, 10.0, 4.0])
    assert spread == Spread(3.0, 1.0, 10.0, quartiles=(2.0, 4.0))
    assert f"{spread:.1f}" == "3.0 (1.0 to 10.0)"
    assert Spread.of([3.0]) == Spread(3.0, 3.0, 3.0, quartiles=(3.0, 3.0))


def test_ours_is_compared_within_each_repetition():
    both = Figure("s", {"theirs": [1.0, 10.0, 1.0], "ours": [1.0, 20.0, 3.0]})
    assert both.spreads("theirs") == {
        "measured": Spread.of([1.0, 10.0, 1.0]),
        "ratio": Spread.of([1.0, 2.0, 3.0]),
        "difference": Spread.of([0.0, 10.0, 2.0]),
    }
    assert both.spreads("ours") == {"measured": Spread.of([1.0, 20.0, 3.0])}


def test_each_way_is_first_in_turn():
    order: list[str] = []
    interleave({name: lambda name=name: order.append(name) for name in "abc"}, 3, warms_up=False)
    assert "".join(order) == "abcbcacab"


def test_a_warm_up_is_not_among_the_results():
    calls = iter(range(10))
    assert interleave({"a": lambda: next(calls)}, 2, warms_up=True) == {"a": [1, 2]}


def test_the_largest_difference_of_a_pixel_is_found():
    grey, dark = Image.new("RGB", (2, 2), (9, 9, 9)), Image.new("RGB", (2, 2), (9, 4, 9))
    assert pixel_difference([grey, grey], [grey, dark]) == 5


def test_every_repetition_of_every_way_is_looked_at_for_other_images():
    results = {"theirs": [painted(1.0, 2.0)], "ours": [painted(1.0), painted(1.0, image=OTHER_DOT)]}
    assert largest_difference(results, "theirs") == 5


def test_latency_and_throughput_of_requests_at_once():
    assert figure(EIGHT, "mean latency, s").values[ONE_BY_ONE] == [4.5]
    assert figure(EIGHT, "worst latency, s").values[ONE_BY_ONE] == [8.0]
    rate = figure(EIGHT, "images/s")
    assert rate.values[ONE_CALL] == [2.0]
    assert rate.spreads(ONE_CALL)["ratio"].median == pytest.approx(1.6 / 2.0)
    mean = figure(EIGHT, "mean latency, s")
    assert mean.spreads(ONE_BY_ONE)["ratio"].median == pytest.approx(4.75 / 4.5)


def test_a_late_request_is_compared_with_one_that_waits():
    late = figure(LATE, "latency of the late one, s")
    assert late.spreads(WAITS)["ratio"].median == pytest.approx(2.2 / 3.0)
    assert figure(LATE, "latency of the first, s").spreads(ALONE)["difference"].median == 0.5


def test_targets_are_judged_by_the_median():
    assert [(target.promised, target.is_met) for target in REPORT.targets] == [
        ("one request: engine / pipeline, latency, at most 1.05", True),  # 1.04
        ("eight at once: engine / one pipeline call, images/s, at least 0.9", False),  # 0.8
        ("eight at once: engine / eight pipeline calls, images/s, over 2", False),  # 1.6
        ("page upload: the web adds, ms, under 50", True),  # 40
    ]


@pytest.mark.parametrize(
    ("bound", "met"), [("at most", True), ("under", False), ("at least", True), ("over", False)]
)
def test_a_limit_itself_keeps_some_promises(bound: str, met: bool):
    assert Target("a ratio", Spread.of([2.0]), bound, 2.0).is_met is met


def test_what_was_not_measured_has_no_target():
    none = replace(REPORT, comparisons=[LATE])
    assert none.targets == []
    assert "Targets" not in to_markdown(none)


def test_json_holds_every_measurement_and_what_the_tables_show():
    document = json.loads(to_json(REPORT))
    comparisons = {each["title"]: each for each in document["comparisons"]}
    assert list(comparisons) == [each.title for each in REPORT.comparisons]
    eight = comparisons["Requests at once: 8"]
    assert eight["details"]["latencies, s"][ONE_CALL] == [[4.0] * 8]
    shown = comparisons["Requests at once: 1"]["figures"]["mean latency, s"][ONE_BY_ONE]
    assert shown["values"] == [1.0, 2.0, 1.0]
    assert shown["ratio"]["median"] == pytest.approx(1.04)
    web = comparisons["The web: page upload"]["figures"]["one job, ms"]
    assert web["engines alone"]["difference"]["median"] == pytest.approx(40)
    assert [target["met"] for target in document["targets"]] == [True, False, False, True]


def test_the_tables_name_every_way_and_verdict():
    text = to_markdown(REPORT)
    for name in (ONE_BY_ONE, ONE_CALL, APART, JOINS, "page upload", "MISSED", "5 of 255"):
        assert name in text


def test_a_new_measurement_is_one_more_comparison():
    new = Comparison("New", [Figure("bytes", {"theirs": [4.0], "ours": [2.0]})], "A note.")
    report = replace(REPORT, comparisons=[new])
    assert to_markdown(report).endswith(
        "## New\n\n"
        "| what  | how    | measured               | ratio                  |"
        " difference                | half of the ratios |\n"
        "| ----- | ------ | ---------------------- | ---------------------- |"
        " ------------------------- | ------------------ |\n"
        "| bytes | theirs | 4.000 (4.000 to 4.000) | 0.500 (0.500 to 0.500) |"
        " -2.000 (-2.000 to -2.000) | 0.500 to 0.500     |\n"
        "| bytes | ours   | 2.000 (2.000 to 2.000) |                        |"
        "                           |                    |\n\n"
        "A note."
    )
    assert json.loads(to_json(report))["comparisons"][0]["title"] == "New"


def test_figures_of_a_machine_with_other_work_are_marked():
    assert "0.60 cores" in to_markdown(replace(REPORT, cores_taken=0.6))
    for unmarked in (None, 0.02):
        assert "mislead" not in to_markdown(replace(REPORT, cores_taken=unmarked))


def test_columns_line_up():
    assert table(("a", "bcd"), [("1234", "5")]) == (
        "| a    | bcd |\n| ---- | --- |\n| 1234 | 5   |"  # fmt: skip
    )


@pytest.mark.tiny
def test_the_engine_is_measured_beside_the_pipeline(tmp_path: Path):
    sdxl = SDXL(tiny_pipeline(tmp_path), TINY_INFO)
    subject = SimpleNamespace(loaded=Loaded(None, sdxl, 8), plan=replace(QUICK, requests=(2,)))
    at_once, late = images.at_once_and_late(subject)
    ours = at_once.details["latencies, s"][APART]
    assert [len(each) for each in ours] == [2] * QUICK.repeat
    for each in (at_once, late):
        assert "at most 0 of" in each.note or "at most 1 of" in each.note
    machine = describe_machine(sdxl.device)
    text = to_json(Report("a date", machine, {}, QUICK, [at_once, late]))
    assert '"/' not in text, "a path"
    assert platform.node() not in machine.values()


def test_a_model_in_a_folder_is_named_without_the_folder(tmp_path: Path):
    mine = Checkpoint(str(tmp_path / "mine"), Family.SDXL, folder=tmp_path / "mine")
    assert public_name(mine) == "mine"
    assert public_name(SDXL_BASE) == "stabilityai/stable-diffusion-xl-base-1.0"


def test_the_web_is_measured_beside_the_engines():
    captions, painter = captioner.engine.Engine(FakeBlip()), generator.engine.Engine(FakeSDXL())
    app = create_app(Settings(), Services(captions, painter, JobStore()))
    server = webapp.server.Server(app, webapp.server.bind("127.0.0.1", [0, 0]), Limits(threads=4))
    thread = threading.Thread(target=server.run, name="server")
    captions.start()
    painter.start()
    thread.start()
    try:
        measured = list(
            web.both_routes(Server(0.0, *server.ports, os.getpid()), captions, painter, QUICK)
        )
    finally:
        server.stop()
        thread.join()
        captions.close()
        painter.close()
    assert [each.title for each in measured] == [
        "The web: GET /generate-image",
        "The web: page upload",
    ]
    for each in measured:
        assert "at most 0 of" in each.note
        (job,) = each.figures
        assert [len(values) for values in job.values.values()] == [QUICK.repeat] * 2
        assert each.targets[0].measured == job.spreads(web.ENGINES)["difference"]


def test_captions_are_measured_on_a_stream_of_their_own_as_in_the_server(monkeypatch):
    asked = []
    monkeypatch.setattr(
        "scripts.benchmarks.loaded.use_own_stream",
        lambda device: asked.append((device, threading.current_thread().name)),
    )
    blip = FakeBlip()
    blip.device = "cuda"
    with Loaded(blip, FakeSDXL(), max_batch_size=1).captioning() as engine:
        engine.submit(CaptionRequest(Image.new("RGB", (8, 8)))).result(30)
    assert asked == [("cuda", "captioner")]
