"""What a form or a query string says becomes what a request takes, and no more than that."""

import pytest

from generator.request import InvalidRequest, check_prompt
from webapp.parameters import NUMBERS, WHOLE_NUMBERS, drop_blanks, parse_parameters, parse_query


def test_a_query_becomes_fields():
    query = b"prompt=a+red%20house&width=64&guidance_scale=7.5"
    assert parse_query(query) == {"prompt": "a red house", "width": "64", "guidance_scale": "7.5"}


def test_the_first_value_of_a_name_counts():
    assert parse_query(b"seed=1&prompt=x&seed=2&seed=") == {"seed": "1", "prompt": "x"}


def test_blanks_are_kept():
    assert parse_query(b"negative_prompt=&prompt=x") == {"negative_prompt": "", "prompt": "x"}
    assert parse_query(b"prompt=+") == {"prompt": " "}


@pytest.mark.parametrize("query", [b"", b"&&&", b"&"])
def test_nothing_is_no_field(query):
    assert parse_query(query) == {}


def test_a_semicolon_is_part_of_the_prompt():
    assert parse_query(b"prompt=a;b=c") == {"prompt": "a;b=c"}


@pytest.mark.parametrize("query", ["prompt=café 猫 🎈", "prompt=caf%C3%A9+%E7%8C%AB+%F0%9F%8E%88"])
def test_utf_8_is_read_escaped_or_as_it_is(query):
    assert parse_query(query.encode()) == {"prompt": "café 猫 🎈"}


@pytest.mark.parametrize(
    "query",
    [b"prompt=%FF", b"prompt=caf\xe9", b"prompt=caf%E9", b"prompt=%ED%A0%80", b"prompt=x%C3"],
)
def test_what_is_not_utf_8_becomes_a_prompt_that_is_refused(query):
    with pytest.raises(InvalidRequest, match="send valid UTF-8"):
        check_prompt("prompt", parse_query(query)["prompt"])


@pytest.mark.parametrize("query", [b"%FF=1", b"\xff=1", b"=1", b"prompt", b"%", b"%zz=%zz"])
def test_odd_names_do_no_harm(query):
    assert all(isinstance(name, str) for name in parse_query(query))


@pytest.mark.parametrize("name", WHOLE_NUMBERS)
@pytest.mark.parametrize(
    ("text", "number"),
    [("12", 12), (" 12 ", 12), ("012", 12), ("+12", 12), ("-2", -2), ("0", 0), ("-0", 0)]
    + [("12.0", 12), ("12.", 12), (" +12.000\n", 12), ("1.2e1", 12), ("120E-1", 12), ("-2.0", -2)]
    + [(str(2**63 - 1), 2**63 - 1), (f"{2**63 - 1}.0", 2**63 - 1), ("1e99", 10**99)],
)
def test_whole_numbers_are_read(name, text, number):
    parsed = parse_parameters({name: text})[name]
    assert (parsed, type(parsed)) == (number, int)


@pytest.mark.parametrize("name", WHOLE_NUMBERS)
@pytest.mark.parametrize(
    "text",
    ["", " ", "abc", "5.5", "1e-1", "1e400", "1e", "e1", "1e1.0", "１２", "1_000", "0x10", "1/2"]
    + ["--1", "+-1", "+ 1", "1 2", "1,0", "nan", "inf", "9" * 21, "9" * 5000, "1." + "0" * 21],
    ids=lambda text: text[:24],
)
def test_what_is_no_whole_number_stays_text(name, text):
    assert parse_parameters({name: text}) == {name: text}


@pytest.mark.parametrize("name", NUMBERS)
@pytest.mark.parametrize(
    ("text", "number"),
    [("7.5", 7.5), (" 7.5 ", 7.5), ("7", 7), ("7.", 7), (".5", 0.5), ("-1.5", -1.5), ("0", 0)]
    + [("1e1", 10), ("1.5E+1", 15), ("5e-1", 0.5), ("+5", 5), (" +7.5\t", 7.5), ("1e99", 1e99)]
    + [("0.30000000000000004", 0.1 + 0.2), ("7.123456789012345", 7.123456789012345)],
)
def test_numbers_are_read(name, text, number):
    parsed = parse_parameters({name: text})[name]
    assert (parsed, type(parsed)) == (number, float)


@pytest.mark.parametrize("name", NUMBERS)
@pytest.mark.parametrize(
    "text",
    [
        "",
        ".",
        "-",
        "-.",
        "abc",
        "1e400",
        "1e",
        ".e1",
        "７.５",
        "nan",
        "inf",
        "7,5,1",
        "1_0",
        "0x1p3",
    ]
    + ["+-5", "infinity", "9" * 400],
    ids=lambda text: text[:24],
)
def test_what_is_no_number_stays_text(name, text):
    assert parse_parameters({name: text}) == {name: text}


@pytest.mark.parametrize("text", ["-1", " -1 ", "-1.0", "-1e0"])
def test_a_seed_of_minus_one_becomes_none_and_nothing_else_does(text):
    assert parse_parameters({"seed": text}) == {"seed": None}
    for name in ("width", "height", "num_inference_steps", "guidance_scale"):
        assert parse_parameters({name: text}) == {name: -1}


def test_prompts_are_never_taken_for_numbers():
    fields = {"prompt": "1984", "negative_prompt": "7.5", "unknown": "12"}
    assert parse_parameters(fields) == fields


def test_a_blank_field_of_a_form_is_no_parameter():
    fields = {"seed": "", "negative_prompt": "  ", "guidance_scale": "\t\n", "width": " 64 "}
    assert drop_blanks(fields) == {"width": " 64 "}


def test_a_decimal_comma_is_read_as_people_write_it():
    assert parse_parameters({"guidance_scale": "7,5"}) == {"guidance_scale": 7.5}
    assert parse_parameters({"seed": "7,5"}) == {"seed": "7,5"}
