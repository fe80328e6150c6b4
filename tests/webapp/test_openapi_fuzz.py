"""What /openapi.json promises is kept: no 5xx, and no answer that it does not name."""

import time

import pytest
from routes import BODIES, VALUES
from web_client import SECONDS, job_of, picture, upload

pytestmark = [pytest.mark.slow, pytest.mark.clients]

MISSING = "is not installed: requirements-clients.txt"
# Of each method of each address, and as many again that are wrong. Kept so low, all take a minute.
EXAMPLES = 5


@pytest.fixture
def described(client):
    return client.get("/openapi.json").json


def test_it_is_valid(described):
    validator = pytest.importorskip("openapi_spec_validator", reason=f"the validator {MISSING}")
    validator.validate(described)


@pytest.fixture
def schemathesis():
    return pytest.importorskip("schemathesis", reason=f"schemathesis {MISSING}")


def test_whatever_is_sent_gets_an_answer_that_is_described(schemathesis, client, services):
    schema = schemathesis.openapi.from_wsgi("/openapi.json", client.application)
    seen = set()
    # Its client leaves files open that it is sent.
    for found in schema.exclude(path="/static/{filename}").get_all_operations():
        operation = found.ok()
        job = job_once_there_is_room(services, client)
        parts = {**VALUES, "job_id": job.id}
        names = [each["name"] for each in operation.definition.raw["parameters"]]
        pinned = {name: parts[name] for name in names if name in parts} or None
        for mode in modes(schemathesis, operation):
            cases = operation.as_strategy(generation_mode=mode, path_parameters=pinned)
            seen |= answers(schemathesis, operation, cases, mode)
    assert {200, 303, 400, 404} <= seen, seen


def job_once_there_is_room(services, client):
    """Of an upload. What was sent before has it all painted meanwhile: few may be under way."""
    until = time.monotonic() + SECONDS
    while services.generator.stats().jobs and time.monotonic() < until:
        time.sleep(0.01)
    return job_of(services, upload(client))


def modes(schemathesis, operation):
    """Right and wrong, or right alone where nothing is sent that could be wrong."""
    raw = operation.definition.raw
    can_be_wrong = "requestBody" in raw or any(each["in"] == "query" for each in raw["parameters"])
    both = schemathesis.GenerationMode
    return [both.POSITIVE, both.NEGATIVE] if can_be_wrong else [both.POSITIVE]


def answers(schemathesis, operation, cases, mode):
    """The statuses of the answers, each of which is checked."""
    from hypothesis import HealthCheck, Phase, given, settings
    from schemathesis import checks
    from schemathesis.specs.openapi import checks as described

    judges = [checks.not_a_server_error, described.status_code_conformance]
    judges += [described.content_type_conformance, described.response_schema_conformance]
    seen = set()

    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        derandomize=True,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=cases)
    def ask(case):
        if mode is schemathesis.GenerationMode.POSITIVE:
            mend(case, operation)
        response = case.call()
        seen.add(response.status_code)
        case.validate_response(response, checks=judges)

    ask()
    return seen


def mend(case, operation):
    """Puts what works in place of what no schema can tell, such as a picture or a size."""
    known = BODIES.get(NAMES.get(operation.path, ""), {}).get("json")
    if known is not None and case.media_type == JSON:
        sent = case.body if isinstance(case.body, dict) else {}
        words = {name: value for name, value in sent.items() if isinstance(value, str)}
        case.body = words | known
    elif case.media_type == FORM and "image" in case.body:
        case.body = {"image": picture()}
    elif operation.path == "/generate-image":
        case.query = {"prompt": "a house"}


JSON = "application/json"
FORM = "multipart/form-data"
NAMES = {
    "/models/{name}": "huggingface.infer",
    "/sdapi/v1/txt2img": "automatic1111.txt2img",
    "/sdapi/v1/interrogate": "automatic1111.interrogate",
    "/sdapi/v1/png-info": "automatic1111.png_info",
}
