"""JSON is what it was by Python's own, whatever is in it."""

import json
from datetime import UTC, datetime

import pytest
from flask import Flask

from webapp.json_provider import Provider

APP = Flask(__name__)


@pytest.mark.parametrize(
    "value",
    [
        {"b": [1, 2.5, None, True], "a": {"z": "", "y": '\\ " \n \u2028'}},
        {"prompt": "ein Häuschen am Meer, 海辺の家 \U0001f3e0"},
        {"half of a pair": "\ud83c"},
        {"seed": 2**64},
        {1: "a key that is no string"},
        [],
    ],
    ids=str,
)
def test_what_is_written_is_what_is_read(value):
    text = Provider(APP).dumps(value)
    assert text.isascii()
    assert json.loads(text) == json.loads(json.dumps(value))
    assert json.loads(text, object_pairs_hook=list) == json.loads(
        json.dumps(value, sort_keys=True), object_pairs_hook=list
    )


def test_what_flask_writes_in_a_form_of_its_own_stays_so():
    day = datetime(2026, 11, 27, tzinfo=UTC)
    assert Provider(APP).dumps({"day": day}) == '{"day": "Fri, 27 Nov 2026 00:00:00 GMT"}'
    assert Provider(APP).dumps([1], indent=2) == "[\n  1\n]"


def test_an_answer_says_that_it_is_json_and_ends_its_line():
    response = Provider(APP).response(image="a" * 5_000_000)
    assert response.mimetype == "application/json"
    assert response.get_data(as_text=True) == '{"image":"' + "a" * 5_000_000 + '"}\n'
