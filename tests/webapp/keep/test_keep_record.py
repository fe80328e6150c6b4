"""Jobs as text and back."""

import json
from dataclasses import replace

import pytest
from PIL import Image
from web_client import an_order

from captioner.request import Caption
from generator.job import Cancelled, Failed, Job, Queued, Succeeded
from webapp.captioning import Captioned
from webapp.job_store import Entry, Original
from webapp.keep.record import Damaged, format_record, parse_record

IMAGE = Image.new("RGB", (4, 4))
FIELDS = {"prompt": "a “red”\nhouse\ud800", "seed": "7"}
READERS = {"read_original": lambda: b"jpeg", "read_image": lambda: IMAGE, "read_png": lambda: b"p"}

OUTCOMES = [
    Succeeded(IMAGE),
    Succeeded(IMAGE, ("too", "long"), "compiled"),
    Failed("No room."),
    Cancelled(),
    None,
]


def an_entry(outcome, said=None, is_queued=True, **options):
    job = Job("anna 192.0.2.1")
    order = replace(an_order(negative_prompt="", seed=2**63 - 1), **options)
    if said:
        job.publish(said)
    if is_queued:
        job.publish(Queued(order.requests[0]))
    if outcome:
        job.publish(outcome)
    return Entry(job, Original(b"jpeg", (20, 10), FIELDS), order, (job.id, "0" * 32))


def there_and_back(entry):
    text = format_record(entry, entry.job.outcome)
    assert text.isascii()
    return parse_record(entry.job.id, entry.original.id, text, **READERS)


def told(entry):
    """All that a record keeps."""
    original, job = entry.original, entry.job
    events = [e for e in job.events if not isinstance(e, Succeeded)]
    kept = (original.id, original.jpeg, original.size, original.fields)
    return job.id, job.client, job.status, events, kept, entry.order, entry.siblings


@pytest.mark.parametrize("outcome", OUTCOMES)
def test_a_job_comes_back_as_it_was(outcome):
    entry = an_entry(outcome)
    again = there_and_back(entry)
    assert told(again) == told(entry)
    assert again.saved_png() == b"p"
    if isinstance(outcome, Succeeded):
        assert again.job.outcome.image is IMAGE
        assert again.job.outcome.unseen_words == outcome.unseen_words
        assert again.job.outcome.fast_path == outcome.fast_path


@pytest.mark.parametrize("is_familiar", [True, False, None])
def test_what_the_captioner_said_comes_back(is_familiar):
    said = Captioned(Caption("ein Schnürsenkel 猫", is_familiar), is_familiar)
    entry = an_entry(Cancelled(), said)
    assert told(there_and_back(entry)) == told(entry)


def test_a_job_without_words_comes_back_with_its_order():
    entry = an_entry(
        None,
        is_queued=False,
        prompt=None,
        caption={"prefix": "a photo of", "num_beams": 2},
        keeps_tics=True,
    )
    again = there_and_back(entry)
    assert told(again) == told(entry)
    assert again.job.request is None


def spoil(record, *keys, value=None):
    for key in keys[:-1]:
        record = record[key]
    if value is None:
        del record[keys[-1]]
    else:
        record[keys[-1]] = value


@pytest.mark.parametrize(
    "damage",
    [
        lambda record: spoil(record, "outcome", "status", value="lost"),
        lambda record: spoil(record, "request", "seed", value="7"),
        lambda record: spoil(record, "request", "steps", value=7),
        lambda record: spoil(record, "original", "size"),
        lambda record: spoil(record, "original", "size", value=[1]),
        lambda record: spoil(record, "order", value=[]),
        lambda record: spoil(record, "siblings", value=7),
        lambda record: spoil(record, "captioned", value="words"),
        lambda record: record.clear(),
    ],
)
def test_what_is_no_record_is_damaged(damage):
    record = json.loads(format_record(an_entry(Failed("x")), Failed("x")))
    damage(record)
    with pytest.raises(Damaged):
        parse_record("0" * 32, "1" * 32, json.dumps(record), **READERS)


@pytest.mark.parametrize("text", ["", "{", "null", "[]", "7", '"x"', "\ud800"])
def test_what_is_no_json_object_is_damaged(text):
    with pytest.raises(Damaged):
        parse_record("0" * 32, "1" * 32, text, **READERS)
