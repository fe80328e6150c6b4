"""SDXL as the engine drives it: prepare, denoise a batch by one step, decode.

The mathematics is that of diffusers' ``StableDiffusionXLPipeline.__call__``, cut at its loop. All
methods are for the thread that owns the model.
"""

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import diffusers
import torch
import transformers
from diffusers import StableDiffusionXLPipeline
from diffusers.utils.torch_utils import randn_tensor
from PIL import Image

from generator.model_info import ModelInfo
from generator.request import GenerationRequest
from generator.sample import Sample
from generator.unseen_words import unseen_words
from models_cache import layout

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


@dataclass(frozen=True, slots=True)
class Defaults:
    """What a checkpoint is asked for when the request does not say: SDXL-base's are these."""

    num_inference_steps: int = 30
    guidance_scale: float = 5.0


class NonFiniteLatents(ArithmeticError):
    """The latents hold NaN or infinity, of which only a black image could be made."""


class SDXL:
    def __init__(
        self, pipeline: StableDiffusionXLPipeline, name: str, defaults: Defaults = Defaults()
    ) -> None:
        self.pipeline = pipeline
        self.pipeline.set_progress_bar_config(disable=True)
        for module in (pipeline.unet, pipeline.vae, pipeline.text_encoder, pipeline.text_encoder_2):
            module.eval().requires_grad_(False)
        self.info = model_info(pipeline, name, defaults)

    @classmethod
    def load(
        cls, folder: Path, device: torch.device, name: str, defaults: Defaults = Defaults()
    ) -> "SDXL":
        """Loads a diffusers folder: half precision on CUDA, fp32 on a CPU.

        The VAE is fp32 wherever its config says ``force_upcast``: SDXL's overflows in fp16.
        """
        # Two bars a component, written over one another, tell nobody anything.
        diffusers.utils.logging.disable_progress_bar()
        transformers.utils.logging.disable_progress_bar()
        dtype = torch.float16 if device.type == "cuda" else torch.float32
        pipeline = StableDiffusionXLPipeline.from_pretrained(
            folder,
            dtype=dtype,
            variant=layout.variant(folder / "unet"),
            use_safetensors=True,
            local_files_only=True,
            add_watermarker=False,
        )
        if pipeline.vae.config.force_upcast and dtype is torch.float16:
            pipeline.vae.to(torch.float32)
        return cls(pipeline.to(device), name, defaults)

    @property
    def device(self) -> torch.device:
        return self.pipeline.unet.device

    @torch.inference_mode()
    def prepare(self, request: GenerationRequest) -> Sample:
        prompt_embeds, add_text_embeds = self._encode(request)
        scheduler = copy.deepcopy(self.pipeline.scheduler)
        scheduler.set_timesteps(request.num_inference_steps, device=self.device)
        if hasattr(scheduler, "set_begin_index"):
            scheduler.set_begin_index(0)
        rng = torch.Generator("cpu").manual_seed(request.seed)
        noise = randn_tensor(self._latent_shape(request), rng, self.device, prompt_embeds.dtype)
        return Sample(
            request=request,
            scheduler=scheduler,
            timesteps=scheduler.timesteps,
            latents=noise * scheduler.init_noise_sigma,
            prompt_embeds=prompt_embeds,
            add_text_embeds=add_text_embeds,
            add_time_ids=self._add_time_ids(request, prompt_embeds),
            extra_step_kwargs=self.pipeline.prepare_extra_step_kwargs(rng, eta=0.0),
            unseen_words=unseen_words(self.pipeline.tokenizer, request.prompt),
        )

    @torch.inference_mode()
    def denoise(self, samples: Sequence[Sample]) -> dict[int, Exception]:
        """One UNet forward over all rows, then each sample's own scheduler step.

        A forward that fails raises before any sample has moved. A scheduler that fails, fails its
        sample alone: its error is returned by place.
        """
        # Timesteps differ by row: UNet2DConditionModel.get_time_embed takes one each.
        timesteps = torch.cat([sample.timestep.expand(sample.rows) for sample in samples])
        noise_pred = self.pipeline.unet(
            torch.cat([sample.latent_model_input() for sample in samples]),
            timesteps,
            encoder_hidden_states=torch.cat([sample.prompt_embeds for sample in samples]),
            added_cond_kwargs={
                "text_embeds": torch.cat([sample.add_text_embeds for sample in samples]),
                "time_ids": torch.cat([sample.add_time_ids for sample in samples]),
            },
            return_dict=False,
        )[0]
        rows = noise_pred.split([sample.rows for sample in samples])
        errors: dict[int, Exception] = {}
        for place, (sample, sample_noise_pred) in enumerate(zip(samples, rows, strict=True)):
            try:
                sample.advance(sample_noise_pred)
            except Exception as error:  # a neighbour must not pay for it; the engine logs it
                errors[place] = error
        return errors

    @torch.inference_mode()
    def decode(self, sample: Sample) -> Image.Image:
        """The RGB image. Raises NonFiniteLatents."""
        if not sample.latents.isfinite().all():
            raise NonFiniteLatents(
                f"seed {sample.request.seed} left the range of {sample.latents.dtype}"
            )
        vae = self.pipeline.vae
        latents = self._unscaled(sample.latents.to(vae.dtype))
        image = vae.decode(latents, return_dict=False)[0]
        images: list[Image.Image] = self.pipeline.image_processor.postprocess(
            image, output_type="pil"
        )
        return images[0]

    def _encode(self, request: GenerationRequest) -> tuple[torch.Tensor, torch.Tensor]:
        """Rows for the UNet: the negative prompt's first where there is guidance."""
        guided = request.guidance_scale > 1
        prompt_embeds, negative_prompt_embeds, pooled, negative_pooled = (
            self.pipeline.encode_prompt(
                request.prompt,
                device=self.device,
                do_classifier_free_guidance=guided,
                negative_prompt=request.negative_prompt,
            )
        )
        if not guided:
            return prompt_embeds, pooled
        return torch.cat([negative_prompt_embeds, prompt_embeds]), torch.cat(
            [negative_pooled, pooled]
        )

    def _latent_shape(self, request: GenerationRequest) -> tuple[int, int, int, int]:
        scale = self.pipeline.vae_scale_factor
        channels = self.pipeline.unet.config.in_channels
        return 1, channels, request.height // scale, request.width // scale

    def _add_time_ids(
        self, request: GenerationRequest, prompt_embeds: torch.Tensor
    ) -> torch.Tensor:
        """Original size, crop and target size, (height, width) each (Podell et al. 2023, 2.2)."""
        size = (request.height, request.width)
        time_ids = torch.tensor(
            [[*size, 0, 0, *size]], dtype=prompt_embeds.dtype, device=self.device
        )
        return time_ids.expand(len(prompt_embeds), -1)

    def _unscaled(self, latents: torch.Tensor) -> torch.Tensor:
        config = self.pipeline.vae.config
        if config.latents_mean is None or config.latents_std is None:
            return latents / config.scaling_factor
        mean, std = (
            torch.tensor(values, device=latents.device, dtype=latents.dtype).view(1, -1, 1, 1)
            for values in (config.latents_mean, config.latents_std)
        )
        return latents * std / config.scaling_factor + mean


def model_info(pipeline: StableDiffusionXLPipeline, name: str, defaults: Defaults) -> ModelInfo:
    """What the checkpoint's own configs say it draws."""
    size = pipeline.default_sample_size * pipeline.vae_scale_factor
    scheduler = type(pipeline.scheduler).__name__
    return ModelInfo(
        name=name,
        sampler=SAMPLERS.get(scheduler, scheduler.removesuffix("Scheduler")),
        default_size=size,
        smallest_size=max(8, size // 4),
        largest_size=size * 2,
        size_multiple=max(8, pipeline.vae_scale_factor),
        num_inference_steps=defaults.num_inference_steps,
        guidance_scale=defaults.guidance_scale,
    )
