import contextlib
import json
import pickle

import pytest
from checkpoints import local, safetensors_bytes, write, write_blip, write_sdxl

from models_cache.advice import CheckpointError, Fault
from models_cache.catalog import Family


@contextlib.contextmanager
def raises(fault, match=None):
    with pytest.raises(CheckpointError, match=match) as caught:
        yield caught
    assert caught.value.fault is fault


WRITE = {Family.BLIP: write_blip, Family.SDXL: write_sdxl}
UNET = "unet/diffusion_pytorch_model"

BLIP_FILES = ["config.json", "preprocessor_config.json", "vocab.txt", "model.safetensors"]
SDXL_FILES = [
    "model_index.json",
    "scheduler/scheduler_config.json",
    "text_encoder/config.json",
    "text_encoder/model.fp16.safetensors",
    "text_encoder_2/config.json",
    "text_encoder_2/model.fp16.safetensors",
    "tokenizer/merges.txt",
    "tokenizer/tokenizer_config.json",
    "tokenizer/vocab.json",
    "tokenizer_2/merges.txt",
    "tokenizer_2/tokenizer_config.json",
    "tokenizer_2/vocab.json",
    "unet/config.json",
    "unet/diffusion_pytorch_model.fp16.safetensors",
    "vae/config.json",
    "vae/diffusion_pytorch_model.fp16.safetensors",
]


@pytest.fixture
def blip(tmp_path):
    return write_blip(tmp_path / "blip")


@pytest.fixture
def sdxl(tmp_path):
    return write_sdxl(tmp_path / "sdxl")


def test_whole_folders_pass(blip, sdxl):
    local(blip, Family.BLIP)
    local(sdxl, Family.SDXL)


def test_plain_weights_pass_as_the_fp16_variant_does(tmp_path):
    local(write_blip(tmp_path / "blip", "model.fp16.safetensors"), Family.BLIP)
    local(write_sdxl(tmp_path / "sdxl", variant=""), Family.SDXL)


FAMILIES = pytest.mark.parametrize(
    ("family", "files"), [(Family.BLIP, BLIP_FILES), (Family.SDXL, SDXL_FILES)]
)


@FAMILIES
def test_a_missing_file_is_named(tmp_path, family, files):
    folder = WRITE[family](tmp_path)
    for file in files:
        content = (folder / file).read_bytes()
        (folder / file).unlink()
        named = file.replace(".fp16", "").removeprefix("preprocessor_config.json")
        with raises(Fault.MISSING, match=rf"^{folder}/{named}.* is missing\."):
            local(folder, family)
        (folder / file).write_bytes(content)


@FAMILIES
def test_a_damaged_file_is_named(tmp_path, family, files):
    folder = WRITE[family](tmp_path)
    for file in files:
        content = (folder / file).read_bytes()
        for damage in (b"", b"\xff\xfe\x00garbage"):
            (folder / file).write_bytes(damage)
            with raises(Fault.DAMAGED, match=f"^{folder / file} is "):
                local(folder, family)
        (folder / file).write_bytes(content)


@pytest.mark.parametrize("content", [b'{"a": ', b"<html></html>", b"[" * 100_000])
def test_a_config_that_is_not_json_is_refused(sdxl, content):
    (sdxl / "vae" / "config.json").write_bytes(content)
    with raises(Fault.DAMAGED, match="vae/config.json is not valid JSON"):
        local(sdxl, Family.SDXL)


def test_a_config_that_is_json_of_another_kind_is_refused(sdxl):
    write(sdxl / "unet" / "config.json", ["unet"])
    with raises(Fault.DAMAGED, match="unet/config.json is not a JSON object"):
        local(sdxl, Family.SDXL)


@pytest.mark.parametrize(
    "file", ["special_tokens_map.json", "tokenizer_config.json", "generation_config.json"]
)
def test_a_file_that_may_be_missing_must_be_whole_where_it_is_there(blip, file):
    (blip / "tokenizer_config.json").unlink()
    local(blip, Family.BLIP)
    (blip / file).write_bytes(b"{")
    with raises(Fault.DAMAGED, match=file):
        local(blip, Family.BLIP)


def test_one_tokenizer_json_replaces_the_vocabulary(blip, sdxl):
    for folder, vocabulary in (
        (blip, ["vocab.txt"]),
        (sdxl / "tokenizer", ["vocab.json", "merges.txt"]),
    ):
        write(folder / "tokenizer.json", {"model": {}})
        for name in vocabulary:
            (folder / name).unlink()
    local(blip, Family.BLIP)
    local(sdxl, Family.SDXL)


def test_either_processor_config_is_enough(blip):
    (blip / "preprocessor_config.json").rename(blip / "processor_config.json")
    local(blip, Family.BLIP)
    (blip / "processor_config.json").unlink()
    with raises(Fault.MISSING, match=r"preprocessor_config.json or processor_config.json is"):
        local(blip, Family.BLIP)


def test_a_component_without_the_variant_may_have_plain_weights(sdxl):
    weights = sdxl / "vae" / "diffusion_pytorch_model.fp16.safetensors"
    weights.rename(sdxl / "vae" / "diffusion_pytorch_model.safetensors")
    local(sdxl, Family.SDXL)


def test_a_component_that_has_one_variant_alone_is_loaded_from_that(tmp_path):
    """diffusers does so, whichever the UNet has."""
    sdxl = write_sdxl(tmp_path, variant="")
    weights = sdxl / "vae" / "diffusion_pytorch_model.safetensors"
    half = weights.rename(sdxl / "vae" / "diffusion_pytorch_model.fp16.safetensors")
    local(sdxl, Family.SDXL)
    found = local(sdxl, Family.SDXL)
    assert found.weights["vae"] == [half]
    assert (found.variants["vae"], found.variants["unet"]) == ("fp16", None)


def test_other_variants_beside_the_weights_do_not_count(tmp_path):
    sdxl = write_sdxl(tmp_path, variant="")
    for variant in ("non_ema.fp16", "non_ema", "bf16"):
        (sdxl / "unet" / f"diffusion_pytorch_model.{variant}.safetensors").write_bytes(b"other")
    local(sdxl, Family.SDXL)
    assert local(sdxl, Family.SDXL).variants["unet"] is None


def shard(folder, name, variant=""):
    """Replaces the one file of weights by two shards and their index, and returns the shards."""
    infix = f".{variant}" if variant else ""
    (folder / f"{name}{infix}.safetensors").unlink()
    shards = [f"{name}{infix}-0000{number}-of-00002.safetensors" for number in (1, 2)]
    weight_map = {"a": shards[0], "b": shards[1], "c": shards[1]}
    write(folder / f"{name}.safetensors.index{infix}.json", {"weight_map": weight_map})
    for file in shards:
        write(folder / file, safetensors_bytes())
    return [folder / file for file in shards]


@pytest.mark.parametrize("variant", ["", "fp16"])
@pytest.mark.parametrize(
    ("component", "name"), [("unet", "diffusion_pytorch_model"), ("text_encoder_2", "model")]
)
def test_every_shard_must_be_there_and_whole(tmp_path, component, name, variant):
    sdxl = write_sdxl(tmp_path, variant=f".{variant}" if variant else "")
    shards = shard(sdxl / component, name, variant)
    local(sdxl, Family.SDXL)
    shards[1].write_bytes(b"")
    with raises(Fault.DAMAGED, match=f"{shards[1]} is empty"):
        local(sdxl, Family.SDXL)
    shards[1].unlink()
    with raises(Fault.MISSING, match=f"{shards[1]} is missing"):
        local(sdxl, Family.SDXL)


def test_of_a_single_file_and_an_index_the_one_that_will_be_opened_is_checked(sdxl):
    for component, name in (("text_encoder", "model"), ("unet", "diffusion_pytorch_model")):
        single = sdxl / component / f"{name}.fp16.safetensors"
        content = single.read_bytes()
        shards = shard(sdxl / component, name, "fp16")
        single.write_bytes(content)
        (single if component == "unet" else shards[0]).write_bytes(b"")
    local(sdxl, Family.SDXL)


@pytest.mark.parametrize(
    "index",
    [
        {},
        {"weight_map": {}},
        {"weight_map": ["a"]},
        {"weight_map": {"a": ["b"]}},
        {"weight_map": {"a": "../../b.safetensors"}},
    ],
)
def test_an_index_that_lists_no_files_beside_it_is_damaged(sdxl, index):
    path = sdxl / f"{UNET}.safetensors.index.fp16.json"
    path.write_text(json.dumps(index))
    with raises(Fault.DAMAGED, match="does not list the files of the weights"):
        local(sdxl, Family.SDXL)


def test_another_family_is_said_plainly(blip, sdxl):
    with raises(
        Fault.UNSUITABLE,
        match="sdxl is a checkpoint of the StableDiffusionXLPipeline family, not BLIP",
    ):
        local(sdxl, Family.BLIP)
    with raises(
        Fault.UNSUITABLE,
        match="blip is a checkpoint of the BlipForConditionalGeneration family, not SDXL",
    ):
        local(blip, Family.SDXL)


@pytest.mark.parametrize(
    ("config", "found"),
    [
        ({"architectures": ["BlipForQuestionAnswering"]}, "BlipForQuestionAnswering"),
        ({"architectures": ["Blip2ForConditionalGeneration"]}, "Blip2ForConditionalGeneration"),
        ({"architectures": [], "model_type": "git"}, "git"),
        ({"model_type": "blip-2"}, "blip-2"),
        ({"architectures": "Blip2"}, None),
    ],
)
def test_a_relative_of_blip_is_not_blip(blip, config, found):
    write(blip / "config.json", config)
    with raises(
        Fault.UNSUITABLE, match=f"of {f'the {found}' if found else 'an unknown'} family, not BLIP"
    ):
        local(blip, Family.BLIP)


def test_a_config_that_only_says_its_model_type_is_enough(blip):
    write(blip / "config.json", {"model_type": "blip"})
    local(blip, Family.BLIP)


def test_a_relative_of_sdxl_is_not_sdxl(sdxl):
    write(sdxl / "model_index.json", {"_class_name": "StableDiffusionPipeline"})
    with raises(Fault.UNSUITABLE, match="of the StableDiffusionPipeline family, not SDXL"):
        local(sdxl, Family.SDXL)


@pytest.mark.parametrize("entry", [["my_unet", "MyUNet"], "unet", ["diffusers"]])
def test_a_component_that_is_no_library_class_is_refused(sdxl, entry):
    model_index = json.loads((sdxl / "model_index.json").read_text())
    write(sdxl / "model_index.json", model_index | {"unet": entry})
    with raises(Fault.UNSUITABLE, match="does not say that unet is a class of diffusers"):
        local(sdxl, Family.SDXL)


class Marker:
    """Unpickled, it writes a file."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (open, (str(self.path), "w"))


@pytest.mark.parametrize("name", ["pytorch_model.bin", "model.ckpt", "model.pt"])
def test_weights_that_are_only_a_pickle_are_refused_by_name_and_never_opened(blip, tmp_path, name):
    (blip / "model.safetensors").unlink()
    (blip / name).write_bytes(pickle.dumps(Marker(tmp_path / "marker")))
    with raises(Fault.MISSING, match=f"is missing, and {name} is a pickle"):
        local(blip, Family.BLIP)
    assert not (tmp_path / "marker").exists()


def test_a_folder_of_nothing_but_a_pickle_is_refused_by_its_name(tmp_path):
    write(tmp_path / "sd_xl.ckpt", b"\x80\x02.")
    with raises(Fault.MISSING, match=r"model_index.json is missing, and sd_xl.ckpt is a"):
        local(tmp_path, Family.SDXL)


def test_a_pickle_beside_whole_weights_does_no_harm(blip):
    write(blip / "pytorch_model.bin", b"\x80\x02.")
    local(blip, Family.BLIP)
    (blip / "vocab.txt").unlink()
    with raises(Fault.MISSING, match=r"vocab.txt or tokenizer.json is missing\."):
        local(blip, Family.BLIP)
