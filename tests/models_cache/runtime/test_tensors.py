"""The tensors in the files against those of the models, in the published layout."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from checkpoints import local
from safetensors.torch import load_file, save_file

import captioner.blip
from generator.pipeline import COMPONENTS
from models_cache.advice import CheckpointError
from models_cache.catalog import Family
from models_cache.runtime.tensors import check_weights
from scripts.random_checkpoints import checkpoint, safetensors_file
from scripts.random_checkpoints.sizes import SIZES

pytestmark = pytest.mark.tiny

BLIP = "captioner"
PARTS = [BLIP, *COMPONENTS]
DEMO = Path("models_cache/demo")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Both checkpoints, tiny, with random weights."""
    list(checkpoint.captioner(SIZES["tiny"]).write(tmp_path / BLIP, seed=0))
    list(checkpoint.generator(SIZES["tiny"]).write(tmp_path / "generator", seed=0))
    return tmp_path


def place(folder: Path, part: str) -> Path:
    return folder / BLIP if part == BLIP else folder / "generator" / part


def check(folder: Path, part: str) -> None:
    family, root = (
        (Family.BLIP, folder / BLIP) if part == BLIP else (Family.SDXL, folder / "generator")
    )
    components = captioner.blip.COMPONENTS if part == BLIP else COMPONENTS
    check_weights(local(root, family), {part: components[part]})


def change_weights(folder: Path, part: str, change: Callable[[dict[str, Any]], Any]) -> None:
    [file] = place(folder, part).glob("*.safetensors")
    tensors = load_file(file)
    change(tensors)
    save_file(tensors, file, {"format": "pt"})


def change_config(folder: Path, part: str, **changes: object) -> None:
    path = place(folder, part) / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def prefix(name: str) -> Callable[[dict[str, Any]], None]:
    def change(tensors: dict[str, Any]) -> None:
        for each in list(tensors):
            tensors[name + each] = tensors.pop(each)

    return change


def without(words: str) -> Callable[[dict[str, Any]], None]:
    def change(tensors: dict[str, Any]) -> None:
        for name in [name for name in tensors if words in name]:
            del tensors[name]

    return change


@pytest.mark.parametrize("part", PARTS)
def test_the_published_layout_and_the_demo_models_fit(folder, part):
    check(folder, part)
    check(DEMO, part)


@pytest.mark.parametrize("part", PARTS)
def test_the_published_sizes_fit_and_only_headers_are_read(tmp_path, part):
    """The files end where their headers say, and hold nothing."""
    make = checkpoint.captioner if part == BLIP else checkpoint.generator
    root = tmp_path / BLIP if part == BLIP else tmp_path / "generator"
    full = make(SIZES["full"])
    for name, content in full.small_files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(content)
    for name, tensors in full.weights.items():
        with (root / name).open("wb") as file:
            file.write(safetensors_file.header(tensors))
            file.truncate(safetensors_file.size_bytes(tensors))
    check(tmp_path, part)


@pytest.mark.parametrize("part", PARTS)
def test_foreign_prefixes_are_refused_with_a_count_and_a_name(folder, part):
    change_weights(folder, part, prefix("module."))
    with pytest.raises(CheckpointError) as refused:
        check(folder, part)
    sentence = str(refused.value)
    assert f"The weights in {place(folder, part)} do not fit the config beside them" in sentence
    assert re.search(r"they lack [1-9]\d+ tensors \(such as (?!module)", sentence)
    assert re.search(r"hold [1-9]\d+ tensors \(such as module\.\S+\) that it does not", sentence)


def test_one_missing_tensor_is_named(folder):
    change_weights(folder, "text_encoder_2", without("text_projection.weight"))
    with pytest.raises(CheckpointError, match=r"they lack 1 tensor \(text_projection\.weight\) of"):
        check(folder, "text_encoder_2")


def test_weights_of_another_shape_are_refused(folder):
    change_config(folder, "text_encoder_2", projection_dim=7)
    with pytest.raises(CheckpointError, match=r"have in another shape 1 tensor \(text_projection"):
        check(folder, "text_encoder_2")


@pytest.mark.parametrize(
    ("part", "changes"),
    [
        ("text_encoder", {"num_hidden_layers": 9}),
        ("text_encoder_2", {"num_hidden_layers": 9}),
        ("unet", {"layers_per_block": 3}),
        ("vae", {"layers_per_block": 3}),
    ],
)
def test_a_config_with_more_layers_than_the_file_is_refused(folder, part, changes):
    change_config(folder, part, **changes)
    with pytest.raises(CheckpointError, match=r"lack \d+ tensors \(such as "):
        check(folder, part)


def test_a_captioner_without_its_decoder_is_refused(folder):
    change_weights(folder, BLIP, without("text_decoder."))
    with pytest.raises(CheckpointError, match=r"\(such as text_decoder\."):
        check(folder, BLIP)


@pytest.mark.parametrize("part", ["unet", "vae"])
def test_one_that_diffusers_would_fail_on_is_named_too(folder, part):
    change_weights(folder, part, without("conv_in.weight"))
    with pytest.raises(CheckpointError, match=r"conv_in\.weight"):
        check(folder, part)


def test_what_the_libraries_rename_tie_or_ignore_does_not_count(folder):
    def old_attention(tensors: dict[str, Any]) -> None:
        new = {"to_q.": "query.", "to_k.": "key.", "to_v.": "value.", "to_out.0.": "proj_attn."}
        for name in [name for name in tensors if ".attentions." in name]:
            for now, then in new.items():
                if now in name:
                    tensors[name.replace(now, then)] = tensors.pop(name)

    def positions(tensors: dict[str, Any]) -> None:
        weight = tensors["text_model.embeddings.position_embedding.weight"]
        tensors["text_model.embeddings.position_ids"] = weight.new_zeros(1, len(weight))

    change_weights(folder, "vae", old_attention)
    check(folder, "vae")
    change_weights(folder, "text_encoder", positions)
    check(folder, "text_encoder")
    change_weights(folder, BLIP, without("predictions.decoder.weight"))  # tied to the embeddings
    check(folder, BLIP)


def test_layers_that_the_config_cuts_off_do_no_harm(folder):
    change_config(folder, "text_encoder", num_hidden_layers=1)
    check(folder, "text_encoder")


def test_shards_count_together(folder):
    where = place(folder, "unet")
    [file] = where.glob("*.safetensors")
    tensors = load_file(file)
    file.unlink()
    names = sorted(tensors)
    halves = {"1": names[::2], "2": names[1::2]}
    weight_map = {}
    for number, half in halves.items():
        shard = f"diffusion_pytorch_model.fp16-0000{number}-of-00002.safetensors"
        save_file({name: tensors[name] for name in half}, where / shard, {"format": "pt"})
        weight_map |= dict.fromkeys(half, shard)
    index = where / "diffusion_pytorch_model.safetensors.index.fp16.json"
    index.write_text(json.dumps({"weight_map": weight_map}))
    check(folder, "unet")
    del weight_map[names[1]]
    (where / "diffusion_pytorch_model.fp16-00002-of-00002.safetensors").unlink()
    save_file(
        {name: tensors[name] for name in halves["2"][1:]},
        where / "diffusion_pytorch_model.fp16-00002-of-00002.safetensors",
    )
    with pytest.raises(CheckpointError, match="lack 1 tensor"):
        check(folder, "unet")
