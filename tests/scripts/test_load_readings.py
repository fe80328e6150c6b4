"""What the load test reads: metrics, the log, the system, its own command line."""

import sys
from collections import Counter

import pytest
from fakes import FAKE_INFO, FakeBlip, FakeSDXL

from captioner import engine as captioning
from generator import engine as painting
from scripts.load_test.arguments import parse
from scripts.load_test.job_log import JobLog
from scripts.load_test.readings import Counts
from scripts.load_test.site import NotLoopback, Site
from webapp import create_app
from webapp.job_store import JobStore
from webapp.services import Services
from webapp.settings import Settings

LOG = """\
Models: demo
{"level": "INFO", "message": "x", "event": "request", "status": 200}
{"level": "INFO", "message": "x", "event": "job", "job": "aaaaaaaa", "status": "succeeded"}
{"level": "INFO", "message": "x", "event": "job", "job": "bbbbbbbb", "status": "cancelled"}
{"level": "WARNING", "message": "out of memory"}
{"level": "ERROR", "message": "a request failed", "exception": "Traceback\\n  x\\nValueError: y"}
"""


def test_jobs_and_errors_are_read_from_the_log():
    log = JobLog.of(LOG.splitlines())
    assert log.lines == Counter(aaaaaaaa=1, bbbbbbbb=1)
    assert log.ended == Counter(succeeded=1, cancelled=1)
    assert log.errors == ["a request failed ValueError: y"]


def test_jobs_and_answers_are_read_from_the_metrics():
    services = Services(captioning.Engine(FakeBlip()), painting.Engine(FakeSDXL()), JobStore())
    client = create_app(Settings(), services).test_client()
    jobs = [services.generator.submit(FAKE_INFO.request("x")) for _ in range(3)]
    jobs[0].cancel()
    services.generator.step()
    client.get("/readyz")
    counts = Counts.of(client.get("/metrics").text)
    assert counts.under_way == 2
    assert counts.accepted == 3
    assert counts.ended == Counter(succeeded=0, failed=0, cancelled=1)
    assert counts.server_errors == {("health.readyz", 503): 1}


@pytest.mark.parametrize(
    "host", ["0.0.0.0", "192.168.1.2", "8.8.8.8", "example.org", "localhost", "::1", ""]
)
def test_what_is_no_loopback_address_is_refused(host, capsys):
    with pytest.raises(NotLoopback):
        Site(host, 8000, 5000)
    with pytest.raises(SystemExit) as end:
        parse([f"--host={host}"], "")
    assert end.value.code == 2
    assert "no loopback address" in capsys.readouterr().err


@pytest.mark.skipif(sys.platform != "linux", reason="only there it runs")
def test_the_length_is_in_seconds_or_minutes_and_has_a_bound(capsys):
    assert parse([], "").seconds == 120
    assert parse(["--minutes=30"], "").seconds == 1800
    assert parse(["--seconds=5", "--host=127.0.0.2"], "").host == "127.0.0.2"
    for wrong in ("--minutes=121", "--seconds=0", "--clients=201", "--seconds=x"):
        with pytest.raises(SystemExit):
            parse([wrong], "")
    assert capsys.readouterr().err.count("is no whole number from 1 to") == 4
