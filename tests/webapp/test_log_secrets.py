"""What the log does not hold: prompts, unless the owner asks for them, and never a key."""

import re

import pytest
from door_keys import ANNA, BERT, basic, bearer
from shared_app import client_of
from tiny_server import ask, run_in_thread
from web_client import CAPTION, job_of, upload, visit

from webapp import invitations
from webapp.access import AccessLog
from webapp.limits import Limits
from webapp.logs import JsonFormatter, TextFormatter
from webapp.server import Server, bind
from webapp.sessions import COOKIE
from webapp.settings import Settings

both_formats = pytest.mark.parametrize("written", [JsonFormatter, TextFormatter], indirect=True)


def ask_for_all_kinds(client, services):
    """Prompts and captions that are painted, refused and cancelled."""
    job = job_of(services, upload(client, prompt="canary of the form"))
    again = {"prompt": "canary edited", "negative_prompt": "canary avoided"}
    visit(client, f"/jobs/{job.id}/again", "POST", data=again)
    upload(client, prefix="canary before")
    upload(client, b"canary in a broken picture")
    visit(client, "/generate-image?prompt=canary+in+the+query&seed=wrong")
    services.captioner.step()
    while services.generator.stats().waiting or services.generator.stats().running:
        services.generator.step()


@both_formats
def test_the_log_knows_no_prompts_unless_the_owner_asks_for_them(patient, by_hand, written):
    """Promise 20: also at the lowest level."""
    ask_for_all_kinds(patient, by_hand)
    told = written.getvalue()
    assert len(re.findall("job [0-9a-f]{8} succeeded", told)) == 3
    assert "canary" not in told
    assert CAPTION not in told


@both_formats
def test_the_owner_may_ask_for_prompts(by_hand, written):
    ask_for_all_kinds(client_of(by_hand, Settings(log_prompts=True)), by_hand)
    told = written.getvalue()
    for prompt in ("canary of the form", "canary edited", f"canary before {CAPTION}"):
        assert told.count(prompt) in (1, 2)  # in JSON also as a field


@pytest.mark.slow
@both_formats
def test_no_key_cookie_invitation_or_address_of_a_job_is_in_the_log(locked, by_hand, written):
    """Promise 20: on every route, by every way in, at the lowest level."""
    token = invitations.make(ANNA)
    secrets = [ANNA, BERT, token, "wrong-key-0123456789"]
    job = job_of(by_hand, upload(locked, headers=bearer(ANNA)))
    secrets.append(job.id)
    for headers in (bearer(BERT), basic(ANNA), bearer("wrong-key-0123456789"), {"X-Api-Key": ANNA}):
        for rule in locked.application.url_map.iter_rules():
            path = re.sub("<.*job_id>", job.id, rule.rule).replace("<token>", token)
            if rule.endpoint not in ("generate_image.generate_image", "jobs.delete"):
                for method in {"GET", "POST"} & rule.methods - {"HEAD"}:
                    services = locked.application.extensions["services"]
                    services.tries._wrong.clear()
                    job.cancel()
                    visit(locked, path, method, headers=headers, data={"key": BERT})
    visit(locked, f"/{ANNA}?key={ANNA}", ANNA)
    secrets += [cookie.value for cookie in locked._cookies.values() if cookie.key == COOKIE]
    assert len(secrets) == 6
    assert written.getvalue().count("jobs.show") > 3
    assert "job " + job.id[:8] in written.getvalue()
    for secret in secrets:
        assert secret not in written.getvalue()


def test_what_breaks_off_is_logged_by_its_id(caplog):
    """waitress would log its path."""

    def app(environ, start_response):
        start_response("200 OK", [])
        yield b"the beginning"
        raise RuntimeError

    server = Server(AccessLog(app, lambda access: None), bind("127.0.0.1", [0]), Limits(threads=1))
    with run_in_thread(server) as running:
        answer = ask(running.port, "/jobs/secret-address")
    [name] = re.findall(rb"X-Request-Id: (\w+)", answer)
    assert f"Exception while serving request {name.decode()}" in caplog.text
    assert "secret-address" not in caplog.text
