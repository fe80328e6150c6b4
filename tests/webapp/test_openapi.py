"""/openapi.json says what there is, and /docs shows it."""

import html
import re

import pytest
from door_keys import ANNA, bearer

import webapp.openapi
from webapp.guards import HEADERS
from webapp.openapi import FILES

PLACE = re.compile(r"<(?:\w+:)?(\w+)>")


@pytest.fixture
def described(patient):
    return patient.get("/openapi.json").json


def test_it_is_put_together_once(patient, described, monkeypatch):
    """To look at each route and body takes a tenth of a second."""
    monkeypatch.setattr(webapp.openapi, "_describe_routes", None)
    assert patient.get("/openapi.json").json == described
    behind_a_path = patient.get(
        "/openapi.json", environ_overrides={"SCRIPT_NAME": "/pictures"}
    ).json
    assert behind_a_path == {**described, "servers": [{"url": "/pictures"}]}


def operations(described):
    """Path, method and description of each."""
    for path, methods in described["paths"].items():
        for method, operation in methods.items():
            yield path, method, operation


def test_every_route_is_described(patient, described):
    served = {
        (PLACE.sub(r"{\1}", rule.rule), method.lower())
        for rule in patient.application.url_map.iter_rules()
        for method in rule.methods - {"HEAD", "OPTIONS"}
    }
    assert {(path, method) for path, method, _ in operations(described)} == served
    assert len(served) > 50


def test_every_route_says_what_it_does_and_has_a_name_of_its_own(described):
    silent = [path for path, _, each in operations(described) if each["summary"] == FILES]
    assert silent == ["/static/{filename}"]
    names = [each["operationId"] for _, _, each in operations(described)]
    assert len(set(names)) == len(names)
    groups = {tag["name"] for tag in described["tags"]}
    assert groups == {name for _, _, each in operations(described) for name in each["tags"]}


def test_a_dialect_tells_its_fields_and_its_own_errors(described):
    operation = described["paths"]["/sdapi/v1/txt2img"]["post"]
    content = operation["requestBody"]["content"]["application/json"]
    name = content["schema"]["$ref"].rpartition("/")[2]
    assert {"cfg_scale", "n_iter"} < described["components"]["schemas"][name]["properties"].keys()
    assert operation["responses"]["429"] == {"$ref": "#/components/responses/automatic1111_429"}
    error = described["components"]["responses"]["automatic1111_429"]["content"]
    assert error["application/json"]["schema"]["required"] == ["body", "detail", "error", "errors"]
    error = described["components"]["responses"]["huggingface_404"]["content"]
    assert error["application/json"]["schema"]["required"] == ["error"]


def test_every_answer_in_json_has_its_fields_told(described):
    unsaid = [path for path, _, each in operations(described) if json_answer(each) == {}]
    assert unsaid == ["/openapi.json"]


def json_answer(operation):
    """Its schema; None where a 200 has no JSON."""
    content = operation["responses"].get("200", {}).get("content", {})
    return content.get("application/json", {}).get("schema")


def test_an_answer_has_all_its_fields_and_no_others(described):
    schemas = described["components"]["schemas"]
    one, several = json_answer(described["paths"]["/caption"]["post"])["anyOf"]
    assert several == {"type": "array", "items": one}
    said = schemas[one["$ref"].rpartition("/")[2]]
    assert said["required"] == ["caption", "is_familiar"]
    assert said["additionalProperties"] is False
    assert json_answer(described["paths"]["/sdapi/v1/refresh-vae"]["post"]) == {"type": "null"}


def test_our_own_addresses_tell_theirs(described):
    image = described["paths"]["/generate-image"]["get"]
    assert {"prompt", "seed"} < {each["name"] for each in image["parameters"]}
    job = described["paths"]["/jobs/{job_id}/image.png"]["get"]
    assert [(each["name"], each["in"]) for each in job["parameters"]] == [("job_id", "path")]
    assert job["responses"]["200"]["content"].keys() == {"image/png"}
    assert "409" in job["responses"]
    assert job["responses"]["404"] == {"$ref": "#/components/responses/own_404"}
    again = described["paths"]["/jobs/{job_id}/again"]["post"]["responses"]
    assert ("303" in again, "200" in again) == (True, False)


def test_a_key_is_asked_for_where_one_is_needed(client, locked):
    assert client.get("/openapi.json").json["security"] == []
    assert locked.get("/docs").status_code == 401
    described = locked.get("/openapi.json", headers=bearer(ANNA)).json
    assert described["security"] == [{"bearer": []}, {"basic": []}]
    assert described["paths"]["/healthz"]["get"]["security"] == []
    assert "security" not in described["paths"]["/status"]["get"]


@pytest.mark.parametrize(("root", "url"), [("", "/"), ("/pictures", "/pictures")])
def test_addresses_are_those_behind_a_path(patient, root, url):
    described = patient.get("/openapi.json", environ_overrides={"SCRIPT_NAME": root}).json
    assert described["servers"] == [{"url": url}]


def test_the_page_shows_every_address_without_scripts(patient, described):
    page = patient.get("/docs")
    text = html.unescape(re.sub(r"<[^>]+>", "", page.text))
    for path, method, operation in operations(described):
        assert f"{method.upper()} {path}: {operation['summary']}" in text
    assert re.search(r"POST /sdapi/v1/interrogate.*\s+Takes\s+image\.", text)
    assert "<script" not in page.text
    assert not re.findall(r'(?:src|href)="(?!/)', page.text)
    policy = page.headers["Content-Security-Policy"]
    assert policy == HEADERS["Content-Security-Policy"]
