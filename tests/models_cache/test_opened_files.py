"""The libraries open what ``needed_files`` says, and nothing else that is there."""

import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import layouts
import pytest
import torch
from checkpoints import local

from captioner.blip import Blip
from generator.sdxl import SDXL
from models_cache.catalog import Family
from models_cache.runtime.gpu_fit import Placement
from scripts.random_checkpoints import checkpoint
from scripts.random_checkpoints.sizes import SIZES

pytestmark = pytest.mark.tiny

CPU = Placement(torch.device("cpu"))
LOAD: dict[Family, Callable[..., object]] = {Family.BLIP: Blip.load, Family.SDXL: SDXL.load}
OPENED: set[str] = set()
sys.addaudithook(lambda event, args: OPENED.add(str(args[0])) if event == "open" and args else None)


def rename_shards(folder: Path, stem: str) -> None:
    """Two shards, one of them called as no library calls it: the index alone knows it."""
    layouts.shard(folder, stem)
    [index] = folder.glob("*.index.json")
    old, new = f"{stem}-00002-of-00002.safetensors", "the-rest.safetensors"
    (folder / old).rename(folder / new)
    index.write_text(index.read_text().replace(old, new))


def plain_beside_non_ema(folder: Path) -> None:
    layouts.rename(folder, layouts.PARTS, "")
    layouts.beside(folder, "non_ema.fp16")


def plain_and_shards(folder: Path) -> None:
    layouts.rename(folder, layouts.PARTS, "")
    rename_shards(folder / "unet", layouts.UNET)
    layouts.shard(folder / "text_encoder", "model", keep=True)


def tokenizer_json(folder: Path) -> None:
    [tokenizer] = {path.parent for path in folder.rglob("tokenizer.json")} or {folder}
    assert (tokenizer / "vocab.txt").exists()


@pytest.mark.parametrize(
    ("family", "change"),
    [
        (Family.BLIP, tokenizer_json),
        (Family.BLIP, lambda folder: rename_shards(folder, "model")),
        (Family.BLIP, lambda folder: layouts.shard(folder, "model", keep=True)),
        (Family.SDXL, lambda folder: None),
        (Family.SDXL, plain_beside_non_ema),
        (Family.SDXL, plain_and_shards),
    ],
    ids=["blip", "blip-shards", "blip-both", "sdxl", "sdxl-non-ema", "sdxl-shards"],
)
def test_what_else_is_there_may_be_anything(tmp_path, family, change):
    make = checkpoint.captioner if family is Family.BLIP else checkpoint.generator
    list(make(SIZES["tiny"]).write(tmp_path, seed=0))
    change(tmp_path)
    found = local(tmp_path, family)
    for path in tmp_path.rglob("*"):
        if path.is_file() and path.relative_to(tmp_path).as_posix() not in found.paths:
            path.write_bytes(b"\xff not opened")
    OPENED.clear()
    LOAD[family](found, CPU)  # a file of weights that is garbage would fail here
    # Weights and vocabularies are opened in Rust, where nothing tells of it.
    unseen = (".safetensors", "vocab.txt", "vocab.json", "merges.txt")
    texts = {path for path in found.paths if not path.endswith(unseen)}
    opened = {Path(path) for path in OPENED if Path(path).is_relative_to(tmp_path)}
    assert {path.relative_to(tmp_path).as_posix() for path in opened if path.is_file()} == texts
    for path in found.paths:
        if path.endswith(".safetensors"):
            shutil.move(tmp_path / path, tmp_path / "away")
            with pytest.raises((OSError, ValueError)):
                LOAD[family](found, CPU)
            shutil.move(tmp_path / "away", tmp_path / path)


NAMES = ("AutoConfig", "AutoModel", "AutoTokenizer", "AutoImageProcessor", "AutoProcessor")
CODE = """
import pathlib
pathlib.Path({marker!r}).touch()
class Own: pass
"""


@pytest.mark.parametrize("family", Family)
def test_code_that_comes_with_a_checkpoint_is_not_run(tmp_path, family):
    """Each config names a class of its own, as the libraries' remote code does."""
    make = checkpoint.captioner if family is Family.BLIP else checkpoint.generator
    folder, marker = tmp_path / "it", tmp_path / "was run"
    list(make(SIZES["tiny"]).write(folder, seed=0))
    for path in (*folder.rglob("*config.json"), *folder.glob("model_index.json")):
        config = json.loads(path.read_text())
        config |= {"auto_map": dict.fromkeys(NAMES, "own.Own"), "custom_pipeline": "own"}
        path.write_text(json.dumps(config))
        for name in ("own.py", "pipeline.py", "model.py"):
            (path.parent / name).write_text(CODE.format(marker=str(marker)))
    LOAD[family](local(folder, family), CPU)
    assert not marker.exists()
