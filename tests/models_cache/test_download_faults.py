"""Whatever goes wrong ends in a model that is whole, or in one sentence and a command."""

import errno
import json
import os
import re
from pathlib import Path

import pytest
from checkpoints import safetensors_bytes, snapshot, write, write_blip, write_sdxl
from fake_hub import Fault, answers, cuts, flips, lengthens
from huggingface_hub import constants, file_download

from models_cache.advice import CannotFetch, CheckpointError
from models_cache.catalog import Checkpoint, Family
from models_cache.download import Download
from models_cache.hub import Hub
from models_cache.store import Store

pytestmark = pytest.mark.slow

BLIP = Checkpoint("org/blip", Family.BLIP, repository="org/blip")
SDXL = Checkpoint("org/sdxl", Family.SDXL, repository="org/sdxl")
COMMAND = "Then run:\n    scripts/download_models --captioner org/blip"
WEIGHTS = "model.safetensors"
LARGE = safetensors_bytes(tensor_bytes=200_000)


@pytest.fixture
def blip(hub, tmp_path):
    published = hub.publish("org/blip", write_blip(tmp_path / "published" / "blip"))
    published.files[WEIGHTS] = LARGE
    return published


def refusal(download, checkpoint=BLIP) -> str:
    """The sentence, once it is clear that nothing can be loaded and nothing half is left."""
    with pytest.raises(CannotFetch) as caught:
        download.make_whole([checkpoint])
    assert is_absent(download.store, checkpoint)
    assert not list(download.store.hub.rglob("*.incomplete"))
    return str(caught.value)


def is_absent(store, checkpoint) -> bool:
    with pytest.raises(CheckpointError):
        store.locate(checkpoint)
    return True


@pytest.mark.usefixtures("_no_waiting", "blip")
def test_a_connection_that_is_cut_is_resumed_where_it_was(download, store, hub, monkeypatch):
    monkeypatch.setattr(constants, "DOWNLOAD_CHUNK_SIZE", 10_000)
    hub.faults = [Fault(f"GET /org/blip/resolve/{'c' * 40}/{WEIGHTS}", cuts(64_000), times=2)]
    download.make_whole([BLIP])
    assert (store.locate(BLIP).folder / WEIGHTS).read_bytes() == LARGE
    ranges = [each.split()[2] for each in hub.requests if WEIGHTS in each and "bytes=" in each]
    assert ranges == ["bytes=60000-", "bytes=120000-"]


@pytest.mark.usefixtures("_no_waiting", "blip")
def test_a_connection_that_is_cut_again_and_again_is_said(download, hub):
    hub.faults = [Fault(f"GET /org/blip/resolve/{'c' * 40}/{WEIGHTS}", cuts(100))]
    sentence = refusal(download)
    assert re.match(r"http://127.0.0.1:\d+ cannot be reached: look at the network \(", sentence)
    assert sentence.endswith(COMMAND)
    hub.faults.clear()
    hub.requests.clear()
    download.make_whole([BLIP])
    assert hub.fetched() == [WEIGHTS]


@pytest.mark.usefixtures("blip")
@pytest.mark.parametrize("file", [WEIGHTS, "vocab.txt"])
def test_a_wrong_byte_is_fetched_again_once(download, store, hub, said, file):
    hub.faults = [Fault(f"GET /org/blip/resolve/{'c' * 40}/{file}", flips(), times=1)]
    download.make_whole([BLIP])
    fetched = store.locate(BLIP).folder / file
    assert fetched.read_bytes() == hub.repositories["org/blip"].files[file]
    assert f"org/blip: {file} is damaged and is fetched again." in said.lines


@pytest.mark.usefixtures("blip")
def test_a_byte_that_stays_wrong_is_said_and_the_file_deleted(download, store, hub):
    hub.faults = [Fault(f"GET /org/blip/resolve/{'c' * 40}/{WEIGHTS}", flips())]
    assert refusal(download) == (
        "model.safetensors of org/blip came damaged twice and was deleted: the hub or the network"
        " between changes it. Wait a while, then run:\n"
        "    scripts/download_models --captioner org/blip"
    )
    assert not list(store.hub.rglob(WEIGHTS))
    assert not [
        path for path in store.hub.rglob("*") if path.is_file() and LARGE[-99:] in path.read_bytes()
    ]
    hub.faults.clear()
    download.make_whole([BLIP])


@pytest.mark.usefixtures("blip", "_no_waiting")
def test_a_wrong_size_is_said(download, hub):
    hub.faults = [Fault(f"GET /org/blip/resolve/{'c' * 40}/{WEIGHTS}", lengthens)]
    assert refusal(download) == (
        f"A file came in another size than the hub had said: wait a while. {COMMAND}"
    )


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        (
            answers(401, X_Error_Code="RepoNotFound"),
            "There is no folder org/blip, and the hub has no such model, or hides it",
        ),
        (
            answers(401, X_Error_Message="Invalid credentials in Authorization header"),
            "The hub refused access to org/blip (401): set HF_TOKEN to a token that is valid",
        ),
        (
            answers(403, X_Error_Code="GatedRepo"),
            "org/blip is given to those who accepted its licence: do so at http",
        ),
        (answers(403), "The hub refused access to org/blip (403): set HF_TOKEN to a token"),
        (
            answers(404, X_Error_Code="RepoNotFound"),
            "There is no folder org/blip, and the hub has no such model, or hides it",
        ),
        (answers(429), "The hub has had too many requests from here (429): wait a few minutes."),
        (answers(500), "The hub failed on org/blip (500): wait a while."),
        (answers(200), "http://127.0.0.1"),
    ],
)
@pytest.mark.usefixtures("blip")
def test_an_answer_that_refuses_is_said_at_once(download, hub, answer, sentence):
    hub.faults = [Fault("/api/models/org/blip", answer)]
    said = refusal(download)
    assert said.startswith(sentence)
    assert said.endswith(COMMAND)
    assert len(hub.requests) == 1


@pytest.mark.parametrize("status", [401, 404, 429, 500])
@pytest.mark.usefixtures("blip", "_no_waiting")
def test_a_refusal_in_the_middle_is_said_and_what_came_is_kept(download, hub, status):
    code = {"X_Error_Code": "EntryNotFound"} if status == 404 else {}
    fault = Fault(f"/org/blip/resolve/{'c' * 40}/{WEIGHTS}", answers(status, **code))
    hub.faults = [fault]
    sentence = refusal(download)
    assert sentence.endswith(COMMAND)
    assert (str(status) in sentence) == (status != 404)
    hub.faults.clear()
    hub.requests.clear()
    download.make_whole([BLIP])
    assert hub.fetched() == [WEIGHTS]


@pytest.mark.usefixtures("blip", "_no_waiting")
def test_a_hub_that_fails_for_a_moment_is_asked_again(download, store, hub):
    hub.faults = [Fault(f"/org/blip/resolve/{'c' * 40}/{WEIGHTS}", answers(500), times=3)]
    download.make_whole([BLIP])
    assert store.locate(BLIP).folder


def test_a_hub_that_cannot_be_reached_is_named(store, said):
    nowhere = Download(store, Hub("http://127.0.0.1:9"), said.lines.append)
    sentence = refusal(nowhere)
    assert sentence.startswith("http://127.0.0.1:9 cannot be reached: look at the network (")
    assert sentence.endswith(COMMAND)


@pytest.mark.usefixtures("blip")
def test_offline_mode_is_named(download, hub, monkeypatch):
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert refusal(download).startswith("HF_HUB_OFFLINE is set, so nothing is fetched: unset it.")
    assert not hub.requests


def test_a_token_opens_a_gated_repository_and_is_never_shown(
    download, store, hub, said, blip, monkeypatch, capfd
):
    blip.token = "hf_secret"
    monkeypatch.setenv("HF_TOKEN", "hf_wrong")
    sentence = refusal(download)
    assert sentence.startswith("org/blip is given to those who accepted its licence: do so at http")
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    download.make_whole([BLIP])
    assert store.locate(BLIP).folder
    printed = "".join([sentence, str(said), *capfd.readouterr()])
    assert "hf_secret" not in printed
    assert "hf_wrong" not in printed
    kept = [path.read_bytes() for path in store.folder.rglob("*") if path.is_file()]
    assert not any(b"hf_secret" in content for content in kept)


@pytest.mark.usefixtures("blip")
def test_a_disk_that_fills_up_in_the_middle_is_said(download, hub, monkeypatch):
    def http_get(url, temp_file, **_):
        temp_file.write(b"half of it")
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as full:
        full.setattr(file_download, "http_get", http_get)
        assert refusal(download) == f"The disk is full: make room. {COMMAND}"
    download.make_whole([BLIP])


@pytest.mark.usefixtures("blip")
def test_a_cache_that_cannot_be_written_is_named(hub, said, tmp_path):
    write(tmp_path / "file", b"")
    store = Store(tmp_path / "file" / "models_cache", tmp_path / "user")
    assert refusal(Download(store, Hub(hub.url), said.lines.append)) == (
        f"{store.hub}/manifests cannot be written: Not a directory. Change that. {COMMAND}"
    )
    assert not hub.fetched()


@pytest.mark.usefixtures("blip")
def test_whole_models_in_a_cache_that_cannot_be_written_are_checked_all_the_same(
    download, said, monkeypatch
):
    download.make_whole([BLIP])

    def refuse(self, *_, **__):
        raise OSError(errno.EROFS, os.strerror(errno.EROFS), str(self))

    # The tests may run as root, whom no permission stops.
    monkeypatch.setattr(Path, "mkdir", refuse)
    said.lines.clear()
    download.make_whole([BLIP])
    assert "is here and whole" in str(said)


@pytest.mark.usefixtures("_no_waiting")
def test_a_repository_of_another_family_is_refused_before_its_weights_are_fetched(
    download, hub, blip
):
    blip.files["config.json"] = json.dumps({"architectures": ["LlamaForCausalLM"]}).encode()
    assert refusal(download) == (
        "org/blip is a checkpoint of the LlamaForCausalLM family, not BLIP"
        " (BlipForConditionalGeneration). Name another hub id, or a folder."
    )
    assert hub.fetched() == ["config.json"]


def test_a_config_that_is_published_damaged_is_refused(download, hub, blip):
    blip.files["config.json"] = b"{"
    assert re.search(
        r"config.json is not valid JSON\. Name another hub id, or a", refusal(download)
    )
    blip.files["config.json"] = json.dumps({"model_type": "blip"}).encode()
    blip.commit = "d" * 40
    blip.files[WEIGHTS] = b"no weights at all"
    assert refusal(download).endswith(
        f"{WEIGHTS} is not a safetensors file, as it was published. Name another hub id."
    )


def test_pickles_alone_are_refused_and_not_fetched(download, hub, blip):
    blip.files["pytorch_model.bin"] = blip.files.pop(WEIGHTS)
    assert refusal(download) == (
        "org/blip cannot be loaded: model.safetensors or model.fp16.safetensors is missing, and"
        " pytorch_model.bin is a pickle: those can run any code, so none is opened."
        " Name another hub id, or a folder."
    )
    assert not hub.fetched()


def test_a_repository_without_a_part_is_refused_by_its_name(download, hub, tmp_path):
    published = hub.publish("org/sdxl", write_sdxl(tmp_path / "sdxl"))
    published.files.pop("text_encoder_2/model.fp16.safetensors")
    assert refusal(download, SDXL) == (
        "org/sdxl cannot be loaded: text_encoder_2/model.safetensors or model.fp16.safetensors is"
        " missing. Name another hub id, or a folder."
    )
    published.files.pop("model_index.json")
    assert refusal(download, SDXL).startswith(
        "org/sdxl cannot be loaded: model_index.json is missing."
    )


@pytest.mark.usefixtures("blip")
def test_a_download_that_was_stopped_before_its_end_is_not_loaded(
    download, store, hub, monkeypatch
):
    def stop(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as stopped:
        stopped.setattr("models_cache.records.write", stop)
        with pytest.raises(KeyboardInterrupt):
            download.make_whole([BLIP])
    assert (snapshot(store.hub, "org/blip", "c" * 40) / WEIGHTS).is_file()
    assert is_absent(store, BLIP)
    hub.requests.clear()
    download.make_whole([BLIP])
    assert not hub.fetched()
