"""The SDXL pipeline from a folder: each component straight to the device that it is to run on."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import diffusers
import torch
import transformers
from diffusers import AutoencoderKL, StableDiffusionXLPipeline, UNet2DConditionModel
from transformers import CLIPTextModel, CLIPTextModelWithProjection

from generator.model_info import Defaults, ModelInfo
from generator.sampler_names import sampler_name
from generator.schedulers import make_scheduler, most_steps
from models_cache import layout
from models_cache.catalog import Family
from models_cache.checkpoint_file import read_json
from models_cache.device import dtype_on, vae_dtype
from models_cache.geometry import Geometry, read_geometry
from models_cache.layout import WrongCheckpoint
from models_cache.loading import Loading
from models_cache.tensors import check_diffusers, check_transformers

TEXT_ENCODERS = {"text_encoder": CLIPTextModel, "text_encoder_2": CLIPTextModelWithProjection}
LATENT_CHANNELS = 4  # what diffusers takes where a config does not say
# The largest last: what is wrong with a small one is found at once.
COMPONENTS = {**TEXT_ENCODERS, "vae": AutoencoderKL, "unet": UNet2DConditionModel}


def loading(folder: Path, name: str) -> Loading:
    """The files that ``load_pipeline`` will map."""
    return Loading(name, layout.weight_files(folder, Family.SDXL))


def check_weights(folder: Path) -> None:
    """Raises WrongCheckpoint, ready to print, where the weights in ``folder`` are not its models'.

    Not while another thread makes or runs a model.
    """
    for name, files in layout.weight_files(folder, Family.SDXL).items():
        check = check_transformers if name in TEXT_ENCODERS else check_diffusers
        check(COMPONENTS[name], folder / name, files)


def load_pipeline(
    folder: Path, device: torch.device, offload: bool = False
) -> StableDiffusionXLPipeline:
    """Half precision on CUDA, fp32 on a CPU; the VAE as ``vae_dtype`` says.

    With ``offload`` the text encoders stay in host memory. Modules are made without memory and
    get their weights tensor by tensor, so nothing is ever there twice.
    """
    # Two bars a component, written over one another, tell nobody anything.
    diffusers.utils.logging.disable_progress_bar()
    transformers.utils.logging.disable_progress_bar()
    components: dict[str, Any] = {}
    for name, kind in COMPONENTS.items():
        is_parked = offload and name in TEXT_ENCODERS
        components[name] = kind.from_pretrained(
            folder,
            subfolder=name,
            dtype=vae_dtype(folder, device) if name == "vae" else dtype_on(device),
            device_map={"": torch.device("cpu") if is_parked else device},
            variant=layout.component_variant(folder, name),
            use_safetensors=True,
            local_files_only=True,
        )
    return StableDiffusionXLPipeline.from_pretrained(
        folder, **components, local_files_only=True, add_watermarker=False
    )


def read_model_info(folder: Path, name: str, defaults: Defaults) -> ModelInfo:
    """What the checkpoint's own configs say it draws, before any weight is loaded.

    Raises WrongCheckpoint, ready to print, where they do not say, or say what cannot be served.
    """
    unet, vae = (read_json(folder / part / "config.json") for part in ("unet", "vae"))
    if reason := _why_not(unet, vae):
        raise WrongCheckpoint(
            f"{folder} cannot be served: {reason}. Name another folder or hub id."
        )
    scheduler = make_scheduler(folder, defaults.num_inference_steps)
    return model_info(read_geometry(folder), scheduler, name, defaults)


def model_info(geometry: Geometry, scheduler: Any, name: str, defaults: Defaults) -> ModelInfo:
    size, steps = geometry.default_side, most_steps(scheduler)
    return ModelInfo(
        name=name,
        sampler=sampler_name(type(scheduler).__name__, scheduler.config),
        default_size=size,
        smallest_size=max(8, size // 4),
        largest_size=size * 2,
        size_multiple=max(8, geometry.scale),
        num_inference_steps=min(defaults.num_inference_steps, steps),
        guidance_scale=defaults.guidance_scale,
        most_steps=steps,
    )


def _why_not(unet: Mapping[str, Any], vae: Mapping[str, Any]) -> str | None:
    """Why these configs are of no model that paints from words alone."""
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
