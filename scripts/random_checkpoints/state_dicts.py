"""The tensors that each file of weights holds, from the configs, without making any of them."""

import json
from collections.abc import Mapping
from typing import Any

import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from transformers import (
    BlipConfig,
    BlipForConditionalGeneration,
    CLIPTextConfig,
    CLIPTextModel,
    CLIPTextModelWithProjection,
)

from scripts.random_checkpoints.safetensors_file import Tensor

PROMPT_ENCODERS = {"text_encoder": CLIPTextModel, "text_encoder_2": CLIPTextModelWithProjection}
DIFFUSERS_MODELS = {"unet": UNet2DConditionModel, "vae": AutoencoderKL}

Shapes = dict[str, tuple[int, ...]]


def captioner(files: Mapping[str, bytes]) -> dict[str, list[Tensor]]:
    """Tensors by path. They were published from an older transformers, which kept other ones."""
    config = BlipConfig.from_dict(json.loads(files["config.json"]))
    with torch.device("meta"):
        shapes = _shapes(BlipForConditionalGeneration(config))
    del shapes["text_decoder.cls.predictions.decoder.bias"]  # the same tensor as predictions.bias
    tensors = [Tensor(name, "F32", shape) for name, shape in shapes.items()]
    positions = (1, config.text_config.max_position_embeddings)
    tensors.append(Tensor("text_decoder.bert.embeddings.position_ids", "I64", positions))
    return {"model.safetensors": tensors}


def generator(files: Mapping[str, bytes]) -> dict[str, list[Tensor]]:
    """Tensors by path."""
    configs = {
        component: json.loads(files[f"{component}/config.json"])
        for component in (*PROMPT_ENCODERS, *DIFFUSERS_MODELS)
    }
    weights: dict[str, list[Tensor]] = {}
    for component, model_class in PROMPT_ENCODERS.items():
        with torch.device("meta"):
            model = model_class(CLIPTextConfig.from_dict(configs[component]))
        weights[f"{component}/model.fp16.safetensors"] = _half(_with_prefix(_shapes(model)))
    for component, model_class in DIFFUSERS_MODELS.items():
        with torch.device("meta"):
            model = model_class.from_config(configs[component])
        weights[f"{component}/diffusion_pytorch_model.fp16.safetensors"] = _half(_shapes(model))
    return weights


def _shapes(model: Any) -> Shapes:
    return {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}


def _half(shapes: Shapes) -> list[Tensor]:
    return [Tensor(name, "F16", shape) for name, shape in shapes.items()]


def _with_prefix(shapes: Shapes) -> Shapes:
    """Adds ``text_model.``: transformers 5 drops it in memory if a class is the encoder alone."""
    kept = ("text_model.", "text_projection.")
    return {
        name if name.startswith(kept) else f"text_model.{name}": shape
        for name, shape in shapes.items()
    }
