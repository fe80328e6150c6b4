"""The SDXL pipeline from a folder: each component straight to the device that it is to run on."""

from collections.abc import Mapping
from functools import partial
from typing import Any

import diffusers
import torch
import transformers
from diffusers import AutoencoderKL, StableDiffusionXLPipeline, UNet2DConditionModel
from transformers import CLIPTextModel, CLIPTextModelWithProjection

from generator.model_info import ModelInfo
from generator.sampler_names import sampler_name
from generator.schedulers import make_scheduler, most_steps
from generator.shapes import Size
from models_cache.local_checkpoint import LocalCheckpoint
from models_cache.runtime.device import vae_dtype
from models_cache.runtime.gpu_fit import Placement, read_geometry
from models_cache.runtime.model_thread import on_short_lived_thread

TEXT_ENCODERS = {"text_encoder": CLIPTextModel, "text_encoder_2": CLIPTextModelWithProjection}
LATENT_CHANNELS = 4  # what diffusers takes if a config does not say
# The largest last: an error in a small one is found at once.
WITH_CONVOLUTIONS = {"vae": AutoencoderKL, "unet": UNet2DConditionModel}
COMPONENTS = {**TEXT_ENCODERS, **WITH_CONVOLUTIONS}
# What an IP-Adapter leaves in a saved pipeline: words need none of it.
FOR_PICTURES = ("image_encoder", "feature_extractor")


def load_pipeline(checkpoint: LocalCheckpoint, placement: Placement) -> StableDiffusionXLPipeline:
    """Loads in the placement's precision; the VAE as ``vae_dtype`` says.

    If weights are offloaded, the text encoders stay in host memory. Modules are made without memory
    and get their weights tensor by tensor, so no weight is ever in memory twice. On a CPU,
    convolutions compute in ``channels_last``, which saves turning to it; on CUDA a trial decides.
    """
    # Two bars a component, written over one another, tell nothing.
    diffusers.utils.logging.disable_progress_bar()
    transformers.utils.logging.disable_progress_bar()
    device, dtype = placement.device, placement.weights_dtype
    components: dict[str, Any] = {}
    for name, kind in COMPONENTS.items():
        is_offloaded = placement.device_lock is not None and name in TEXT_ENCODERS
        components[name] = kind.from_pretrained(
            checkpoint.folder,
            subfolder=name,
            dtype=vae_dtype(checkpoint, device, dtype) if name == "vae" else dtype,
            device_map={"": torch.device("cpu") if is_offloaded else device},
            variant=checkpoint.variants[name],
            use_safetensors=True,
            local_files_only=True,
        )
        if device.type == "cpu" and name in WITH_CONVOLUTIONS:
            components[name].to(memory_format=torch.channels_last)
    return StableDiffusionXLPipeline.from_pretrained(
        checkpoint.folder,
        **components,
        **dict.fromkeys(FOR_PICTURES),
        local_files_only=True,
        add_watermarker=False,
    )


def read_model_info(checkpoint: LocalCheckpoint) -> ModelInfo:
    """Reads from the checkpoint's configs what it draws, before any weight is loaded.

    Raises CheckpointError if they do not say it, or if it cannot be served.
    """
    if reason := _why_not(checkpoint.config("unet"), checkpoint.config("vae")):
        raise checkpoint.unsuitable(reason)
    known, geometry = checkpoint.known, read_geometry(checkpoint)
    # It computes as it is made, and whoever asks here may never compute again.
    scheduler = on_short_lived_thread(torch.device("cpu"), partial(make_scheduler, checkpoint))
    size, steps = geometry.default_side, most_steps(scheduler)
    return ModelInfo(
        name=known.name,
        sampler=sampler_name(type(scheduler).__name__, scheduler.config),
        default_size=size,
        smallest_size=max(8, size // 4),
        largest_size=size * 2,
        size_multiple=max(8, geometry.scale),
        num_inference_steps=min(known.num_inference_steps, steps),
        guidance_scale=known.guidance_scale,
        most_steps=steps,
        learnt_sizes=tuple(Size(*size) for size in known.sizes),
    )


def _why_not(unet: Mapping[str, Any], vae: Mapping[str, Any]) -> str | None:
    """Says why the configured model cannot paint from words alone; None if it can."""
    if unet.get("time_cond_proj_dim"):
        return "its UNet takes the guidance scale as an input, as latent consistency models do"
    channels = vae.get("latent_channels", LATENT_CHANNELS)
    takes, gives = (unet.get(f"{way}_channels", LATENT_CHANNELS) for way in ("in", "out"))
    if takes == 2 * channels + 1:
        return f"its UNet takes {takes} channels: it is for inpainting, and asks for a mask"
    if takes == 2 * channels:
        return f"its UNet takes {takes} channels: it is for changing a picture that is given"
    if (takes, gives) != (channels, channels):
        return f"its UNet takes {takes} channels and gives {gives}, and its VAE has {channels}"
    return None
