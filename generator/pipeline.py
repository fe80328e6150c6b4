"""The SDXL pipeline from a folder: each component straight to the device that it is to run on."""

from pathlib import Path
from typing import Any

import diffusers
import torch
import transformers
from diffusers import AutoencoderKL, StableDiffusionXLPipeline, UNet2DConditionModel
from transformers import CLIPTextModel, CLIPTextModelWithProjection

from generator.model_info import Defaults, ModelInfo
from models_cache import layout
from models_cache.catalog import Family
from models_cache.checkpoint_file import read_json
from models_cache.device import dtype_on, vae_dtype
from models_cache.geometry import read_geometry
from models_cache.layout import WrongCheckpoint
from models_cache.loading import Loading
from models_cache.tensors import check_diffusers, check_transformers

TEXT_ENCODERS = {"text_encoder": CLIPTextModel, "text_encoder_2": CLIPTextModelWithProjection}
# The largest last: what is wrong with a small one is found at once.
COMPONENTS = {**TEXT_ENCODERS, "vae": AutoencoderKL, "unet": UNet2DConditionModel}

# What image tools call diffusers' schedulers; others go by their class.
SAMPLERS = {
    "EulerDiscreteScheduler": "Euler",
    "EulerAncestralDiscreteScheduler": "Euler a",
    "DPMSolverMultistepScheduler": "DPM++ 2M",
    "HeunDiscreteScheduler": "Heun",
    "DDIMScheduler": "DDIM",
    "UniPCMultistepScheduler": "UniPC",
    "LCMScheduler": "LCM",
}


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

    Raises WrongCheckpoint where they do not say, or say what cannot be served.
    """
    unet = read_json(folder / "unet" / "config.json")
    if unet.get("time_cond_proj_dim"):
        raise WrongCheckpoint(
            f"{folder} cannot be served: its UNet takes the guidance scale as an input, as latent"
            " consistency models do. Name another folder or hub id."
        )
    geometry = read_geometry(folder)
    scheduler = read_json(folder / "model_index.json")["scheduler"][1]
    return model_info(geometry.default_side, geometry.scale, scheduler, name, defaults)


def model_info(
    size: int, vae_scale_factor: int, scheduler: str, name: str, defaults: Defaults
) -> ModelInfo:
    """``size`` is the default image's side in pixels; ``scheduler`` is a class's name."""
    return ModelInfo(
        name=name,
        sampler=SAMPLERS.get(scheduler, scheduler.removesuffix("Scheduler")),
        default_size=size,
        smallest_size=max(8, size // 4),
        largest_size=size * 2,
        size_multiple=max(8, vae_scale_factor),
        num_inference_steps=defaults.num_inference_steps,
        guidance_scale=defaults.guidance_scale,
    )
