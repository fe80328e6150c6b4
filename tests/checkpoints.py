"""Checkpoints in the published layout, whose weights are one small tensor a file."""

import json
from pathlib import Path
from typing import Any

from models_cache.catalog import Checkpoint, Family
from models_cache.local_checkpoint import LocalCheckpoint

SDXL_CLASSES = {
    "scheduler": ["diffusers", "EulerDiscreteScheduler"],
    "text_encoder": ["transformers", "CLIPTextModel"],
    "text_encoder_2": ["transformers", "CLIPTextModelWithProjection"],
    "tokenizer": ["transformers", "CLIPTokenizer"],
    "tokenizer_2": ["transformers", "CLIPTokenizer"],
    "unet": ["diffusers", "UNet2DConditionModel"],
    "vae": ["diffusers", "AutoencoderKL"],
}


def safetensors_bytes(header: Any = None, tensor_bytes: int = 32) -> bytes:
    if header is None:
        shape = [tensor_bytes // 4]
        offsets = [0, tensor_bytes]
        tensor = {"dtype": "F32", "shape": shape, "data_offsets": offsets}
        header = {"__metadata__": {"format": "pt"}, "weight": tensor}
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + bytes(tensor_bytes)


def write(path: Path, content: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())


def write_blip(folder: Path, weights: str = "model.safetensors") -> Path:
    write(
        folder / "config.json",
        {"architectures": ["BlipForConditionalGeneration"], "model_type": "blip"},
    )
    write(folder / "preprocessor_config.json", {"image_processor_type": "BlipImageProcessor"})
    write(folder / "tokenizer_config.json", {"tokenizer_class": "BertTokenizer"})
    write(folder / "vocab.txt", b"[PAD]\nred\nhouse\n")
    write(folder / weights, safetensors_bytes())
    return folder


def write_sdxl(folder: Path, variant: str = ".fp16") -> Path:
    write(folder / "model_index.json", {"_class_name": "StableDiffusionXLPipeline", **SDXL_CLASSES})
    write(folder / "scheduler" / "scheduler_config.json", {"num_train_timesteps": 1000})
    for tokenizer in ("tokenizer", "tokenizer_2"):
        write(folder / tokenizer / "tokenizer_config.json", {"pad_token": "!"})
        write(folder / tokenizer / "vocab.json", {"red": 0, "house": 1})
        write(folder / tokenizer / "merges.txt", b"#version: 0.2\nr e\n")
    for component, name in (
        ("text_encoder", "model"),
        ("text_encoder_2", "model"),
        ("unet", "diffusion_pytorch_model"),
        ("vae", "diffusion_pytorch_model"),
    ):
        write(folder / component / "config.json", {"hidden_size": 8})
        write(folder / component / f"{name}{variant}.safetensors", safetensors_bytes())
    return folder


def snapshot(cache: Path, repository: str, revision: str) -> Path:
    """Where a Hugging Face cache keeps one revision of a repository."""
    return cache / f"models--{repository.replace('/', '--')}" / "snapshots" / revision


def point_main_at(cache: Path, repository: str, revision: str) -> None:
    write(snapshot(cache, repository, revision).parents[1] / "refs" / "main", revision.encode())


def local(folder: Path, family: Family, name: str = "a checkpoint") -> LocalCheckpoint:
    return LocalCheckpoint.open(Checkpoint(name, family, folder=folder), folder)


def unchecked(folder: Path, family: Family, **known: Any) -> LocalCheckpoint:
    """As if all its files were there: for folders of configs alone."""
    checkpoint = Checkpoint(known.pop("name", "a checkpoint"), family, folder=folder, **known)
    return LocalCheckpoint(checkpoint, folder, (), {}, {})
