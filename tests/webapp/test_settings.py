"""Flags, environment variables, defaults: which of them counts, and what is refused."""

from dataclasses import fields
from pathlib import Path

import pytest

from models_cache.flags import FastPath, Memory, Models, Precision
from webapp.hosts import is_loopback
from webapp.limits import Limits
from webapp.logs import LogFormat
from webapp.settings import Settings

CHOICES = [
    ("models", "demo", Models.DEMO),
    ("captioner", "some/blip", "some/blip"),
    ("generator", "./an-sdxl", "./an-sdxl"),
    ("device", "cuda:1", "cuda:1"),
    ("memory", "offload", Memory.OFFLOAD),
    ("dtype", "bf16", Precision.BF16),
    ("fast-path", "off", FastPath.OFF),
    ("host", "::1", "::1"),
    ("port", "8080", 8080),
    ("api-port", "0", 0),
    ("max-upload-mb", "256", 256),
    ("max-stored-jobs", "1", 1),
    ("max-stored-mb", "4096", 4096),
    ("step-timeout", "60", 60),
    ("keep", "some/kept", Path("some/kept")),
    ("num-inference-steps", "4", 4),
    ("guidance-scale", "0", 0.0),
    ("guidance-scale", "7.5", 7.5),
    ("engines", "ray", "ray"),
    ("max-kept-mb", "100", 100),
    ("max-kept-days", "7", 7),
    ("key-file", "some/keys", Path("some/keys")),
    ("insecure-open", "yes", True),
    ("insecure-open", "0", False),
    ("log-format", "json", LogFormat.JSON),
    ("log-prompts", "yes", True),
    ("log-prompts", "no", False),
    ("no-marking", "yes", True),
    ("no-marking", "no", False),
    ("c2pa-key", "some/key", Path("some/key")),
]
# What lets others reach the server: refused without a key, or the word that none is needed.
EXPOSING = [
    ("host", "0.0.0.0", "0.0.0.0"),
    ("allowed-host", "NAS.example, [::2]", ("nas.example", "::2")),
    ("allowed-host", "my_nas", ("my_nas",)),
    ("trusted-proxy", "127.0.0.1", "127.0.0.1"),
]
# Of replicas: refused where the models run in this process.
REPLICAS = [("replicas", "3", 3), ("max-replicas", "8", 8)]
FLAGS = list(dict.fromkeys(flag for flag, _, _ in CHOICES + EXPOSING + REPLICAS))


def refusal(capsys, arguments, environ=None):
    """The last line that goes to stderr before the program ends with 2."""
    with pytest.raises(SystemExit) as end:
        Settings.read(arguments, environ or {})
    assert end.value.code == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    return printed.err.splitlines()[-1]


def test_without_a_word_the_defaults_count():
    settings = Settings.read([], {})
    assert settings == Settings()
    assert (settings.models, settings.device) == ("auto", "auto")
    assert (settings.host, settings.port, settings.api_port) == ("127.0.0.1", 8000, 5000)


def test_a_model_on_a_cpu_may_take_longer_unless_the_owner_says_how_long():
    settings = Settings.read([], {})
    assert settings.step_seconds("cpu") == 12 * settings.step_seconds("cuda") == 3600
    said = Settings.read(["--step-timeout", "60"], {})
    assert said.step_seconds("cpu") == said.step_seconds("cuda") == 60


def test_there_is_no_setting_without_a_flag():
    assert {field.name for field in fields(Settings)} == {name.replace("-", "_") for name in FLAGS}


@pytest.mark.parametrize(("flag", "text", "value"), CHOICES)
def test_each_setting_is_a_flag(flag, text, value):
    settings = Settings.read([f"--{flag}", text], {})
    assert settings == Settings(**{flag.replace("-", "_"): value})
    assert type(getattr(settings, flag.replace("-", "_"))) is type(value)


@pytest.mark.parametrize(("flag", "text", "value"), CHOICES)
def test_each_flag_is_an_environment_variable(flag, text, value):
    name = flag.replace("-", "_")
    assert Settings.read([], {f"LOOKALIKE_{name.upper()}": text}) == Settings(**{name: value})


@pytest.mark.parametrize(("flag", "text", "value"), REPLICAS)
def test_replicas_need_a_cluster(capsys, flag, text, value):
    settings = Settings.read(["--engines", "ray", f"--{flag}", text], {})
    assert settings == Settings(engines="ray", **{flag.replace("-", "_"): value})
    assert "add --engines ray" in refusal(capsys, [f"--{flag}", text])


def test_a_replica_has_a_gpu_of_its_own(capsys):
    said = refusal(capsys, ["--engines", "ray", "--device", "cuda:1"])
    assert "argument --device: each replica has a GPU of its own" in said


def test_ray_s_client_is_refused(capsys):
    said = refusal(capsys, ["--engines", "ray://there:10001"])
    assert "argument --engines: Ray's client cannot follow a painting" in said


def test_there_are_not_fewer_replicas_at_most_than_at_least(capsys):
    few = ["--engines", "ray", "--replicas", "3", "--max-replicas", "2"]
    assert "--max-replicas: must be at least 3" in refusal(capsys, few)


def test_the_environment_is_what_was_handed_over(monkeypatch):
    monkeypatch.setenv("LOOKALIKE_PORT", "1")
    assert Settings.read([], {}).port == 8000


def test_a_flag_goes_before_its_environment_variable():
    environ = {"LOOKALIKE_PORT": "8001", "LOOKALIKE_API_PORT": "5001"}
    settings = Settings.read(["--port", "8002"], environ)
    assert (settings.port, settings.api_port) == (8002, 5001)


@pytest.mark.parametrize(
    ("flag", "text"),
    [
        ("port", "abc"),
        ("port", ""),
        ("port", "-1"),
        ("port", "65536"),
        ("port", "80.0"),
        ("port", "9" * 5000),
        ("api-port", "http"),
        ("models", "best"),
        ("models", ""),
        ("host", "0.0.0.0"),
        ("allowed-host", "http://nas"),
        ("allowed-host", "nas:8000"),
        ("allowed-host", "nas,,nis"),
        ("allowed-host", "*"),
        ("trusted-proxy", "nas"),
        ("insecure-open", "perhaps"),
        ("log-format", "xml"),
        ("log-prompts", "perhaps"),
        ("num-inference-steps", "0"),
        ("num-inference-steps", "201"),
        ("guidance-scale", "much"),
        ("guidance-scale", "-1"),
        ("guidance-scale", "nan"),
        ("max-upload-mb", "0"),
        ("max-upload-mb", "257"),
        ("max-upload-mb", "20MB"),
        ("max-stored-jobs", "-1"),
        ("max-stored-jobs", "2.5"),
        ("max-stored-mb", "9" * 5000),
        ("max-kept-mb", "0"),
        ("max-kept-days", "0"),
        ("max-kept-days", "1.5"),
    ],
    ids=lambda text: text[:9],
)
def test_a_wrong_value_ends_with_2_and_names_the_flag_wherever_it_came_from(capsys, flag, text):
    assert f"argument --{flag}: " in refusal(capsys, [f"--{flag}={text}"])
    environ = {f"LOOKALIKE_{flag.replace('-', '_').upper()}": text}
    if text:
        assert f"argument --{flag}: " in refusal(capsys, [], environ)


def test_a_number_out_of_its_range_is_told_the_range(capsys):
    sentence = refusal(capsys, ["--max-upload-mb=0"])
    assert sentence.endswith(" argument --max-upload-mb: '0' is no whole number from 1 to 256")


def test_the_largest_upload_leaves_room_for_the_request_around_it():
    settings = Settings.read(["--max-upload-mb=256"], {})
    assert 2 * settings.max_upload_bytes <= Limits().held_bodies_bytes


def test_sizes_are_told_in_megabytes_and_used_in_bytes():
    settings = Settings(max_upload_mb=3, max_stored_mb=5, max_kept_mb=7)
    assert (settings.max_upload_bytes, settings.max_stored_bytes) == (3 * 2**20, 5 * 2**20)
    assert settings.max_kept_bytes == 7 * 2**20


def test_an_empty_environment_variable_is_none():
    """As compose files and unit files leave them."""
    empty = {"LOOKALIKE_PORT": "", "LOOKALIKE_MODELS": "", "LOOKALIKE_GENERATOR": ""}
    assert Settings.read([], empty) == Settings()


def test_a_flag_that_mends_a_wrong_environment_variable_is_enough():
    assert Settings.read(["--port", "8001"], {"LOOKALIKE_PORT": "abc"}).port == 8001


def test_an_unknown_flag_is_refused(capsys):
    assert "--bogus" in refusal(capsys, ["--bogus", "1"])


@pytest.mark.parametrize(
    "host", ["0.0.0.0", "::", "192.168.1.7", "example.org", "localhost.evil.example", "", "127.1"]
)
def test_a_host_that_others_can_reach_is_refused_and_the_sentence_says_why(capsys, host):
    sentence = refusal(capsys, [f"--host={host}"])
    assert f"argument --host: {host} can be reached by others" in sentence
    assert "127.0.0.1, localhost or ::1" in sentence


@pytest.mark.parametrize(("flag", "text", "value"), EXPOSING)
def test_what_exposes_the_server_needs_a_key_or_the_word_that_none_is_needed(
    capsys, flag, text, value
):
    sentence = refusal(capsys, [f"--{flag}={text}"])
    assert f"argument --{flag}: " in sentence
    assert "add --key-file FILE" in sentence
    assert "--insecure-open lets everybody in" in sentence
    refusal(capsys, [f"--{flag}={text}", "--insecure-open=no"])
    for guard in ("--key-file=keys", "--insecure-open"):
        settings = Settings.read([f"--{flag}={text}", guard], {})
        assert getattr(settings, flag.replace("-", "_")) == value
        assert settings.is_guarded
    named = {f"LOOKALIKE_{flag.replace('-', '_').upper()}": text, "LOOKALIKE_KEY_FILE": "keys"}
    assert getattr(Settings.read([], named), flag.replace("-", "_")) == value


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.2", "localhost", "::1"])
def test_a_host_of_this_machine_alone_is_taken(host):
    assert is_loopback(host)
    assert Settings.read(["--host", host], {}).host == host


def test_two_equal_ports_are_refused(capsys):
    assert "argument --api-port: " in refusal(capsys, ["--port=7000", "--api-port=7000"])
    assert "argument --api-port: " in refusal(capsys, ["--port=5000"])
    assert "argument --api-port: " in refusal(capsys, [], {"LOOKALIKE_API_PORT": "8000"})


def test_nothing_is_signed_that_is_left_out(capsys):
    sentence = refusal(capsys, ["--c2pa-key=key"], {"LOOKALIKE_NO_MARKING": "yes"})
    assert "argument --c2pa-key: --no-marking leaves out what is to be signed." in sentence


def test_both_ports_may_be_the_systems_choice():
    settings = Settings.read(["--port=0", "--api-port=0"], {})
    assert (settings.port, settings.api_port) == (0, 0)


def test_help_explains_every_flag_and_the_environment(capsys):
    with pytest.raises(SystemExit) as end:
        Settings.read(["--help"], {})
    assert end.value.code == 0
    text = capsys.readouterr().out
    assert all(f"--{flag} " in text for flag in FLAGS)
    assert "LOOKALIKE_" in text
    assert all(
        default in text for default in ("127.0.0.1", "8000", "5000", "(20)", "(200)", "(512)")
    )
