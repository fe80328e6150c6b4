"""The log's lines: what they tell, what they do not, and that nobody can forge one."""

import contextlib
import json
import logging
import re
import warnings

import pytest
from door_keys import ANNA, bearer
from shared_app import client_of
from web_client import job_of, upload, visit

from webapp import logs
from webapp.access import METHODS, REQUEST_ID
from webapp.logs import JsonFormatter, LogFormat, Recent, TextFormatter
from webapp.settings import Settings

FORGED = "2026-01-01 00:00:00,000 ERROR webapp.logs: the keys were stolen"
# What ends a line somewhere, moves a cursor, or turns letters around.
CONTROLS = [
    "\n",
    "\r\n",
    "\r",
    "\x0b",
    "\x0c",
    "\x1b[2K\x1b[1A",
    "\x85",
    "\u2028",
    "\u202e",
    "\x00",
]


def events(written, event="request"):
    lines = [json.loads(line) for line in written.getvalue().splitlines()]
    return [line for line in lines if line.get("event") == event]


both_formats = pytest.mark.parametrize("written", [JsonFormatter, TextFormatter], indirect=True)


def test_a_request_is_one_line_that_tells_who_what_and_how_it_ended(patient, written):
    answer = visit(patient, "/about?x=y", environ_overrides={"REMOTE_ADDR": "192.168.1.8"})
    [line] = events(written)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+00:00", line.pop("time"))
    assert 0 <= line.pop("ms") < 10_000
    assert line == {
        "level": "INFO",
        "logger": "webapp.logs",
        "message": line["message"],
        "event": "request",
        "request_id": answer.headers[REQUEST_ID],
        "method": "GET",
        "route": "about.about",
        "status": 200,
        "bytes": len(answer.data),
        "client": "192.168.1.8",
    }


@pytest.mark.parametrize("written", [TextFormatter], indirect=True)
def test_the_text_says_the_same(patient, written):
    answer = visit(patient, "/about")
    assert re.fullmatch(
        r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} INFO webapp\.logs: GET about\.about 200 \d+ ms"
        rf" {len(answer.data)} bytes 127\.0\.0\.1 \[{answer.headers[REQUEST_ID]}\]\n",
        written.getvalue(),
    )


def test_every_answer_has_an_id_of_its_own(patient, locked, written):
    paths = ["/", "/nothing", "/static/style.css", "/generate-image", "/healthz", "/jobs/x"]
    answers = [visit(patient, path, headers={REQUEST_ID: "mine"}) for path in paths]
    answers.append(visit(patient, "/", headers={"Host": "evil.example"}))
    answers.append(visit(locked, "/"))
    ids = [answer.headers.getlist(REQUEST_ID) for answer in answers]
    assert all(len(each) == 1 and re.fullmatch("[0-9a-f]{16}", each[0]) for each in ids)
    assert len({each for [each] in ids}) == len(answers)
    told = [line["request_id"] for line in events(written)]
    assert told == [each for [each] in ids]


def test_a_client_with_a_key_is_told_by_its_name(locked, written):
    visit(locked, "/about", headers=bearer(ANNA))
    visit(locked, "/about", headers=bearer("wrong"))
    assert [line["client"] for line in events(written)] == ["anna", "127.0.0.1"]


def test_what_clients_invent_is_told_in_one_word(patient, written):
    for path, method in [("/nothing", "GET"), ("/", "BREW"), ("/", "A" * 200)]:
        visit(patient, path, method)
    assert [(line["method"], line["route"]) for line in events(written)] == [
        ("GET", "unknown"),
        ("OTHER", "unknown"),
        ("OTHER", "unknown"),
    ]
    assert "BREW" not in METHODS


def test_a_stream_is_told_at_its_end_with_all_its_bytes(patient, by_hand, written):
    job = job_of(by_hand, upload(patient))
    job.cancel()
    response = patient.get(f"/jobs/{job.id}/events")
    read = len(response.data)
    assert "jobs.events" not in [line["route"] for line in events(written)]
    response.close()
    assert events(written)[-1]["route"] == "jobs.events"
    assert events(written)[-1]["bytes"] == read > 100


def test_a_stream_that_a_client_leaves_is_told_and_released(patient, by_hand, written):
    job = job_of(by_hand, upload(patient))
    by_hand.streams.acquire()
    response = patient.get(f"/jobs/{job.id}/events")
    free = by_hand.streams._value
    response.close()
    assert by_hand.streams._value == free + 1
    assert [line["route"] for line in events(written)][-1:] == ["jobs.events"]


def test_a_job_is_told_at_its_end_with_the_request_that_asked_for_it(patient, by_hand, written):
    answer = upload(patient)
    job = job_of(by_hand, answer)
    by_hand.captioner.step()
    assert events(written, "job") == []
    while not job.is_finished:
        by_hand.generator.step()
    [line] = events(written, "job")
    assert (line["job"], line["status"]) == (job.id[:8], "succeeded")
    assert line["request_id"] == answer.headers[REQUEST_ID]
    assert (line["width"], line["height"], line["num_inference_steps"]) == (64, 64, 4)
    assert line["client"] == "127.0.0.1"


def test_a_job_that_fails_is_told_with_its_sentence(client, written):
    answer = visit(client, "/generate-image?prompt=fails+in+denoise")
    [line] = events(written, "job")
    assert (line["status"], line["error"]) == ("failed", answer.json["error"])
    assert line["request_id"] == answer.headers[REQUEST_ID]


def test_a_request_that_the_server_failed_is_told_by_its_route(patient, by_hand, written):
    app = patient.application
    app.testing = False
    by_hand.jobs.get = None
    answer = visit(patient, "/jobs/some-secret-address")
    assert answer.status_code == 500
    [line] = [
        each for each in map(json.loads, written.getvalue().splitlines()) if "exception" in each
    ]
    assert line["message"] == "a request failed: GET jobs.show"
    assert line["request_id"] == answer.headers[REQUEST_ID]
    assert "TypeError" in line["exception"]
    assert "some-secret-address" not in written.getvalue()


# Forged lines


@both_formats
@pytest.mark.parametrize("control", CONTROLS, ids=ascii)
def test_nobody_forges_a_line_or_moves_the_cursor(by_hand, written, control):
    """Promise 20: by a prompt, an address, a header, a key's try or the words of an exception."""
    text = f"x{control}{FORGED}"
    client = client_of(by_hand, Settings(log_prompts=True))
    job = job_of(by_hand, upload(client, prompt=text))
    job.cancel()
    visit(client, f"/{text}", "GET", query_string={"prompt": text}, headers={"X-A": "b"})
    try:
        raise RuntimeError(text)
    except RuntimeError:
        logging.getLogger("a.library").exception("it said %s", text)
    told = written.getvalue()
    assert "the keys were stolen" in told
    assert not any(line.startswith(FORGED) for line in re.split("[\r\n\x0b\x0c\x85\u2028]", told))
    assert all(each.isprintable() or each == "\n" for each in told)
    if "{" in told[:1]:
        assert all(json.loads(line)["message"] for line in told.splitlines())


def test_what_looks_like_a_line_in_a_traceback_is_indented():
    try:
        raise RuntimeError(f"a secret\n{FORGED}")
    except RuntimeError as error:
        record = logging.LogRecord(
            "x", logging.ERROR, "", 0, "it failed", (), (type(error), error, error.__traceback__)
        )
    first, *others = TextFormatter().format(record).split("\n")
    assert first.endswith("ERROR x: it failed")
    assert len(others) > 3
    assert all(line.startswith("    ") for line in others)


def test_letters_of_all_languages_stay_as_they_are():
    assert (
        logs.printable("ein rotes Häuschen, 赤い家, 🏠 'x' \\")
        == "ein rotes Häuschen, 赤い家, 🏠 'x' \\"
    )


def test_half_a_surrogate_harms_no_line():
    assert logs.printable("a\ud800b") == "a\\ud800b"


# The process's log


@contextlib.contextmanager
def bare_process(monkeypatch):
    """A process whose log is not set up yet."""
    with monkeypatch.context() as patch:
        patch.setattr(logging.root, "handlers", [])
        for name in ("webapp", "waitress.queue"):
            patch.setattr(logging.getLogger(name), "level", logging.NOTSET)
        yield
        logging.captureWarnings(False)
    logging.getLogger("webapp").setLevel(logging.NOTSET)  # forgets what is enabled


@pytest.mark.parametrize("kind", LogFormat)
def test_the_owner_chooses_text_or_json(monkeypatch, capsys, kind):
    with bare_process(monkeypatch), warnings.catch_warnings():
        recent = logs.configure(kind)
        logging.getLogger("webapp.logs").info("a request")
        logging.getLogger("a.library").info("chatter")
        logging.getLogger("a.library").warning("a warning")
        warnings.simplefilter("always")
        warnings.warn("odd\nlines", stacklevel=1)
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 3
    if kind is LogFormat.JSON:
        lines = [json.loads(line)["message"] for line in lines]
    for line, told in zip(lines, ("a request", "a warning", "odd"), strict=True):
        assert told in line
    assert [each.level for each in recent.problems] == ["WARNING", "WARNING"]


def test_the_last_problems_are_kept_without_what_exceptions_say():
    recent = Recent()
    log = logging.Logger("x")
    log.addHandler(recent)
    log.info("nothing")
    for number in range(30):
        log.warning("number %d\n", number)
    try:
        raise RuntimeError("a prompt")
    except RuntimeError:
        log.exception("it failed")
    assert len(recent.problems) == logs.MAX_RECENT
    first, second = recent.problems[:2]
    assert (first.level, first.message, first.error) == ("ERROR", "it failed", "RuntimeError")
    assert (second.level, second.message, second.error) == ("WARNING", "number 29\\n", "")
