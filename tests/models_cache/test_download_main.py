import json
import subprocess
import sys
from pathlib import Path

import pytest
from checkpoints import snapshot, write, write_blip, write_sdxl

from models_cache import __main__ as program
from models_cache import catalog
from models_cache.advice import CannotFetch
from models_cache.catalog import BLIP_LARGE, SDXL_BASE, Checkpoint, Family
from models_cache.choose import fetch_in_child

pytestmark = pytest.mark.slow

COMMIT = "c" * 40
ROOT = Path(__file__).parents[2]
BLIP = Checkpoint("org/blip", Family.BLIP, repository="org/blip")


@pytest.fixture
def fetched(download, hub, tmp_path):
    """A checkpoint that was downloaded, and its weights."""
    hub.publish("org/blip", write_blip(tmp_path / "published" / "blip"))
    download.make_whole([BLIP])
    return (download.store.locate(BLIP).folder / "model.safetensors").resolve()


@pytest.fixture
def run(store, monkeypatch, capsys):
    """The program in this process: its exit code, and what it printed."""
    monkeypatch.setattr("models_cache.hub_cache.user_cache", lambda: store.user_cache)
    monkeypatch.setattr(program, "Store", lambda folder: type(store)(folder, store.user_cache))

    def run(*arguments):
        code = program.main(["--folder", str(store.folder), *arguments])
        return code, *capsys.readouterr()

    return run


def flip(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)


def test_verify_says_what_is_whole(run, store, fetched):
    folder = store.locate(BLIP).folder
    code, out, err = run("--verify", "--captioner", "org/blip")
    assert (code, err) == (0, "")
    assert out == f"org/blip: 312 bytes in {folder} are, byte for byte, what was published.\n"


@pytest.mark.parametrize("named", [[], ["--captioner", "org/blip"]])
def test_verify_finds_a_flipped_bit_and_names_the_file_and_the_command(run, store, fetched, named):
    flip(fetched)
    code, out, err = run("--verify", *named)
    assert (code, out) == (1, "")
    assert err == (
        f"scripts/download_models: {store.locate(BLIP).folder}/model.safetensors is damaged: its"
        " bytes are not those that were published. To fetch that file again:\n"
        "    scripts/download_models --captioner org/blip\n"
    )


def test_verify_finds_damage_in_the_users_cache_by_the_names_of_its_blobs(run, store, fetched):
    store.user_cache.mkdir(parents=True)
    (store.hub / "models--org--blip").rename(store.user_cache / "models--org--blip")
    (store.hub / "manifests" / "org--blip.json").unlink()
    assert run("--verify", "--captioner", "org/blip")[0] == 0
    flip(store.user_cache / fetched.relative_to(store.hub))
    assert run("--verify", "--captioner", "org/blip")[0] == 1


def test_verify_says_where_no_digest_is_known(run, store):
    folder = write_blip(snapshot(store.user_cache, BLIP_LARGE.repository, "2" * 40))
    code, out, err = run("--verify")
    assert (code, err) == (0, "")
    assert out == (
        f"{BLIP_LARGE.name}: 312 bytes in {folder} have the right form; nobody recorded the digests"
        " of config.json, preprocessor_config.json, vocab.txt, tokenizer_config.json,"
        " model.safetensors.\n"
    )


def test_verify_finds_a_file_that_was_lost_though_another_checkpoint_is_whole(run, store, fetched):
    write_blip(snapshot(store.user_cache, BLIP_LARGE.repository, "2" * 40))
    fetched.unlink()
    code, out, err = run("--verify")
    assert (code, BLIP_LARGE.name in out) == (1, True)
    assert "model.safetensors" in err


def test_verify_finds_what_an_interrupted_download_did_not_bring(run, store, fetched):
    write(snapshot(store.hub, SDXL_BASE.repository, "3" * 40) / "model_index.json", b"{}")
    code, out, err = run("--verify")
    assert (code, "org/blip" in out) == (1, True)
    assert SDXL_BASE.name in err


def test_verify_of_what_is_not_here_fails_with_the_command(run):
    code, _, err = run("--verify")
    assert code == 1
    assert err.count("is not on this machine") == 2
    code, _, err = run("--verify", "--captioner", "org/absent")
    assert code == 1
    assert err.endswith("To fetch it:\n    scripts/download_models --captioner org/absent\n")


def test_list_says_what_is_known_here_and_verified(run, store, fetched):
    write_blip(store.folder / "demo" / "captioner")
    write_sdxl(store.folder / "demo" / "generator")
    code, out, _ = run("--list")
    assert code == 0
    lines = out.splitlines()
    what = "1.9 GB, 892.6 MB on a GPU, licence: BSD-3-Clause"
    assert lines[0] == f"captioner: {BLIP_LARGE.name}, {what}"
    assert lines[1].startswith(f"    {BLIP_LARGE.name} ({what}) is not on")
    assert f"    here, in git: {store.folder / 'demo' / 'captioner'}" in lines
    place = store.locate(BLIP).folder
    assert lines[-2:] == [
        "captioner: org/blip, 312 bytes, licence: mit",
        f"    here, verified: {place}",
    ]
    flip(fetched)
    assert run("--list")[1].endswith(f"    here, not verified since it came or changed: {place}\n")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--captioner", "a b"], "There is no folder 'a b', and an id on the Hugging Face hub has"),
        (["--captioner", str(ROOT)], f"{ROOT} is a folder. Name an id on the hub."),
        (["--captioner", catalog.SDXL_BASE.name], f"{catalog.SDXL_BASE.name} is a checkpoint of"),
    ],
)
def test_what_cannot_be_fetched_is_refused(run, arguments, sentence):
    code, _, err = run(*arguments)
    assert code == 1
    assert err.startswith(f"scripts/download_models: {sentence}")


def test_verify_and_list_exclude_each_other(run):
    with pytest.raises(SystemExit):
        run("--verify", "--list")


@pytest.fixture
def environment(hub, store, monkeypatch):
    for name, value in {
        "HF_ENDPOINT": hub.url,
        "HF_HUB_CACHE": str(store.user_cache),
        "HF_HUB_OFFLINE": "1",
    }.items():
        monkeypatch.setenv(name, value)


@pytest.mark.usefixtures("environment")
def test_an_offline_program_fetches_in_a_child_that_is_not(store, hub, tmp_path, capfd):
    hub.publish("org/blip", write_blip(tmp_path / "blip"))
    fetch_in_child([BLIP], store)
    assert store.locate(BLIP).folder.name == COMMIT
    out, err = capfd.readouterr()
    assert out == ""
    assert err.startswith("Fetching org/blip: 5 files, 312 bytes, into ")
    with pytest.raises(CannotFetch) as caught:
        fetch_in_child([Checkpoint("org/gone", Family.SDXL, repository="org/gone")], store)
    assert str(caught.value) == (
        "There is no folder org/gone, and the hub has no such model, or hides it: look at its"
        " spelling, or set HF_TOKEN to the token of an account that may read it. Then run:\n"
        "    scripts/download_models --generator org/gone"
    )


@pytest.mark.usefixtures("environment")
def test_two_programs_at_once_on_an_empty_cache_both_work(store, hub, tmp_path, monkeypatch):
    monkeypatch.delenv("HF_HUB_OFFLINE")
    hub.publish("org/blip", write_blip(tmp_path / "blip"))
    command = [sys.executable, "-m", "models_cache", "--captioner", "org/blip"]
    command += ["--folder", str(store.folder)]
    both = [subprocess.Popen(command, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    for each in both:
        _, err = each.communicate(timeout=60)
        assert each.returncode == 0, err
        assert err.endswith(f"org/blip is here and whole: {store.locate(BLIP).folder}\n")
    assert sorted(hub.fetched()) == sorted(hub.repositories["org/blip"].files)


def test_a_record_that_is_not_ours_is_passed_over_by_list(run, store):
    write(store.hub / "manifests" / "org--x.json", json.dumps({"revision": 1}).encode())
    code, out, _ = run("--list")
    assert code == 0
    assert "org/x" not in out
