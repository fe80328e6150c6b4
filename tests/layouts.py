"""Layouts of checkpoints that circulate, each made of the tiny random ones by a change."""

import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from diffusers import AutoencoderTiny
from safetensors.torch import load_file, save_file

from models_cache.catalog import Family

UNET = "diffusion_pytorch_model"
PARTS = {"unet": UNET, "vae": UNET, "text_encoder": "model", "text_encoder_2": "model"}


@dataclass(frozen=True, slots=True)
class Layout:
    """``change`` is done to a copy of the tiny checkpoint in the published layout."""

    name: str
    family: Family
    change: Callable[[Path], object]


def config(folder: Path, file: str, **changes: object) -> None:
    path = folder / file
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def rename(folder: Path, parts: dict[str, str], variant: str) -> None:
    """Gives the weights of ``parts`` another variant: "" or ".bf16"."""
    for part, stem in parts.items():
        old = folder / part / f"{stem}.fp16.safetensors"
        old.rename(old.with_name(f"{stem}{variant}.safetensors"))


def tensors(file: Path, change: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    save_file(change(load_file(file)), file, {"format": "pt"})


def shard(folder: Path, stem: str, variant: str = "", keep: bool = False) -> None:
    """Two shards and their index in place of the single file, or beside it."""
    suffix = f".{variant}" if variant else ""
    single = folder / f"{stem}{suffix}.safetensors"
    whole = load_file(single)
    if not keep:
        single.unlink()
    weight_map = {}
    for number in (1, 2):
        name = f"{stem}{suffix}-0000{number}-of-00002.safetensors"
        part = {key: whole[key] for key in sorted(whole)[number - 1 :: 2]}
        save_file(part, folder / name, {"format": "pt"})
        weight_map |= dict.fromkeys(part, name)
    size = sum(tensor.nbytes for tensor in whole.values())
    index = {"metadata": {"total_size": size}, "weight_map": weight_map}
    (folder / f"{stem}.safetensors.index{suffix}.json").write_text(json.dumps(index))


def pickled(folder: Path, file: str, pickle: str) -> None:
    torch.save(load_file(folder / file), folder / pickle)
    (folder / file).unlink()


def without(word: str) -> Callable[[dict[str, Any]], dict[str, Any]]:
    return lambda whole: {name: each for name, each in whole.items() if word not in name}


def prefixed(prefix: str) -> Callable[[dict[str, Any]], dict[str, Any]]:
    return lambda whole: {prefix + name: each for name, each in whole.items()}


def one_file(folder: Path) -> None:
    """As image tools keep a whole model: nothing else is there."""
    weights = load_file(folder / "unet" / f"{UNET}.fp16.safetensors")
    shutil.rmtree(folder)
    folder.mkdir()
    save_file(weights, folder / "sd_xl_base_1.0.safetensors")


def beside(folder: Path, variant: str) -> None:
    """Puts another copy of the UNet's weights there, which nobody asked for."""
    [file] = (folder / "unet").glob("*.safetensors")
    shutil.copy(file, file.with_name(f"{UNET}.{variant}.safetensors"))


def wider(folder: Path, channels: int) -> None:
    config(folder, "unet/config.json", in_channels=channels)

    def change(whole: dict[str, Any]) -> dict[str, Any]:
        weight = whole["conv_in.weight"]
        more = weight.new_zeros(len(weight), channels - weight.shape[1], *weight.shape[2:])
        return {**whole, "conv_in.weight": torch.cat([weight, more], dim=1)}

    tensors(folder / "unet" / f"{UNET}.fp16.safetensors", change)


def refiner(folder: Path) -> None:
    config(folder, "model_index.json", text_encoder=[None, None], tokenizer=[None, None])
    shutil.rmtree(folder / "text_encoder")
    shutil.rmtree(folder / "tokenizer")


def tiny_vae(folder: Path) -> None:
    config(folder, "model_index.json", vae=["diffusers", "AutoencoderTiny"])
    shutil.rmtree(folder / "vae")
    AutoencoderTiny().half().save_pretrained(folder / "vae", variant="fp16")


def ip_adapter(folder: Path) -> None:
    """As diffusers saves a pipeline that ``load_ip_adapter`` was called on."""
    classes = {
        "image_encoder": "CLIPVisionModelWithProjection",
        "feature_extractor": "CLIPImageProcessor",
    }
    for name, kind in classes.items():
        config(folder, "model_index.json", **{name: ["transformers", kind]})
    (folder / "image_encoder").mkdir()
    (folder / "image_encoder" / "pytorch_model.bin").write_bytes(b"not to be opened")


def scheduler(folder: Path, name: str, **changes: object) -> None:
    config(folder, "model_index.json", scheduler=["diffusers", name])
    config(folder, "scheduler/scheduler_config.json", _class_name=name, **changes)


def playground(folder: Path) -> None:
    """Latents that are standardised by channel, as Playground's are."""
    four = [0.25, -0.5, 0.75, 0.125]
    config(folder, "vae/config.json", latents_mean=four, latents_std=[2.0, 3.0, 4.0, 5.0])


def no_tokenizer(folder: Path) -> None:
    shutil.rmtree(folder / "tokenizer_2")


def sdxl_layouts() -> Iterator[tuple[str, Callable[[Path], object]]]:
    half, encoders = PARTS, {"text_encoder": "model", "text_encoder_2": "model"}
    diffusion = {"unet": UNET, "vae": UNET}
    yield "fp16 variant, as SDXL-base is published", lambda _: None
    yield "plain weights", lambda f: rename(f, half, "")
    yield "plain UNet and VAE beside fp16 text encoders", lambda f: rename(f, diffusion, "")
    yield "fp16 UNet and VAE beside plain text encoders", lambda f: rename(f, encoders, "")
    yield "bf16 variant alone", lambda f: rename(f, half, ".bf16")
    yield (
        "plain UNet, and a non-EMA copy in fp16 beside it",
        lambda f: (rename(f, half, ""), beside(f, "non_ema.fp16")),
    )
    yield "UNet in shards", lambda f: shard(f / "unet", UNET, "fp16")
    yield "UNet as one file and in shards", lambda f: shard(f / "unet", UNET, "fp16", keep=True)
    yield "text encoder in shards", lambda f: shard(f / "text_encoder", "model", "fp16")
    yield (
        "a shard is missing",
        lambda f: (
            shard(f / "unet", UNET, "fp16"),
            (f / "unet" / f"{UNET}.fp16-00002-of-00002.safetensors").unlink(),
        ),
    )
    yield (
        "UNet as a pickle",
        lambda f: pickled(f / "unet", f"{UNET}.fp16.safetensors", f"{UNET}.fp16.bin"),
    )
    yield "the whole model in one file", one_file
    yield "no second tokenizer", no_tokenizer
    yield "a refiner (no first text encoder)", refiner
    yield "an inpainting UNet (9 channels)", lambda f: wider(f, 9)
    yield "an editing UNet (8 channels)", lambda f: wider(f, 8)
    yield (
        "a latent consistency UNet (time_cond_proj_dim)",
        lambda f: config(f, "unet/config.json", time_cond_proj_dim=256),
    )
    yield "AutoencoderTiny as the VAE", tiny_vae
    yield "latents with a mean and a deviation (Playground)", playground
    yield "components of an IP-Adapter, one of them a pickle", ip_adapter
    yield "sample_size as a list", lambda f: config(f, "unet/config.json", sample_size=[8, 8])
    for name in (
        "DDIMScheduler",
        "DPMSolverMultistepScheduler",
        "EulerAncestralDiscreteScheduler",
        "LCMScheduler",
    ):
        yield name, lambda f, name=name: scheduler(f, name)
    yield (
        "DPMSolverSDEScheduler, which needs torchsde",
        lambda f: scheduler(f, "DPMSolverSDEScheduler"),
    )
    yield (
        "FlowMatchEulerDiscreteScheduler",
        lambda f: scheduler(f, "FlowMatchEulerDiscreteScheduler"),
    )
    yield "a scheduler that diffusers does not have", lambda f: scheduler(f, "NoSuchScheduler")
    second = Path("text_encoder_2", "model.fp16.safetensors")
    yield "no text_projection", lambda f: tensors(f / second, without("text_projection"))
    yield "names with a foreign prefix", lambda f: tensors(f / second, prefixed("module."))
    yield (
        "a text encoder's config with more layers than its file",
        lambda f: config(f, "text_encoder/config.json", num_hidden_layers=9),
    )
    yield (
        "a text encoder's config with fewer layers (clip skip)",
        lambda f: config(f, "text_encoder/config.json", num_hidden_layers=1),
    )
    unet = Path("unet", f"{UNET}.fp16.safetensors")
    yield "a UNet that lacks a tensor", lambda f: tensors(f / unet, without("conv_in.bias"))


def blip_layouts() -> Iterator[tuple[str, Callable[[Path], object]]]:
    weights = "model.safetensors"
    yield "as BLIP-large is published", lambda _: None
    yield "fp16 variant", lambda f: (f / weights).rename(f / "model.fp16.safetensors")
    yield "in shards", lambda f: shard(f, "model")
    yield "as one file and in shards", lambda f: shard(f, "model", keep=True)
    yield "as a pickle", lambda f: pickled(f, weights, "pytorch_model.bin")
    yield "vocab.txt without tokenizer.json", lambda f: (f / "tokenizer.json").unlink()
    yield "tokenizer.json without vocab.txt", lambda f: (f / "vocab.txt").unlink()
    yield "neither", lambda f: [(f / name).unlink() for name in ("tokenizer.json", "vocab.txt")]
    yield "without its text decoder", lambda f: tensors(f / weights, without("text_decoder."))
    yield "names with a foreign prefix", lambda f: tensors(f / weights, prefixed("module."))
    yield (
        "the config of a question answerer",
        lambda f: config(f, "config.json", architectures=["BlipForQuestionAnswering"]),
    )


LAYOUTS = [Layout(name, Family.SDXL, change) for name, change in sdxl_layouts()] + [
    Layout(name, Family.BLIP, change) for name, change in blip_layouts()
]
