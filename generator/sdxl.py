"""SDXL as the engine drives it: prepare, denoise a batch by one step, decode.

The mathematics is that of diffusers' ``StableDiffusionXLPipeline.__call__``, cut at its loop. All
methods are for the thread that owns the model.
"""

import copy
import logging
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import fields
from functools import partial
from typing import NoReturn

import torch
from diffusers import StableDiffusionXLPipeline
from diffusers.utils.torch_utils import randn_tensor
from PIL import Image

from generator.decoder import Decoder
from generator.fast.candidate import Forward, Switch
from generator.fast.path import FastPath
from generator.fast.trials import fast_path
from generator.model import BegunAnew
from generator.model_info import ModelInfo
from generator.pipeline import load_pipeline, read_model_info
from generator.precise import precise
from generator.preview import Preview
from generator.request import GenerationRequest
from generator.sample import Sample, remembered
from generator.unet_inputs import UNetInputs
from generator.unseen_words import unseen_words
from models_cache.flags import FastPath as FastPathMode
from models_cache.local_checkpoint import LocalCheckpoint
from models_cache.runtime.device import OutOfMemory, naming_out_of_memory, on_device
from models_cache.runtime.gpu_fit import Placement
from models_cache.runtime.offload import Offload

log = logging.getLogger(__name__)


class NonFinite(ArithmeticError):
    """NaN or infinity, of which a black image would be made."""


class SDXL:
    """The painting model. If there is a ``device_lock``, unused text encoders wait in host memory.

    All models on the device share the lock: no two of them compute at once, so that weights that
    come in find room. Without a lock everything stays on the device. ``prepare``, ``denoise`` and
    ``decode`` raise OutOfMemory.
    """

    def __init__(
        self,
        pipeline: StableDiffusionXLPipeline,
        info: ModelInfo,
        device_lock: AbstractContextManager[object] | None = None,
        max_batch_size: int = 1,
    ) -> None:
        self.pipeline = pipeline
        self.info = info
        self.device = pipeline.unet.device
        self._max_batch_size = max_batch_size
        self.pipeline.set_progress_bar_config(disable=True)
        encoders = [pipeline.text_encoder, pipeline.text_encoder_2]
        for module in (pipeline.unet, pipeline.vae, *encoders):
            module.eval().requires_grad_(False)
        self.device_lock: AbstractContextManager[object] = device_lock or nullcontext()
        self._encoders = Offload(encoders, self.device) if device_lock else nullcontext()
        self._decoder = Decoder(pipeline.vae)
        self._preview: Preview | None = None
        self.fast_path = FastPath()

    @classmethod
    def load(
        cls,
        checkpoint: LocalCheckpoint,
        placement: Placement,
        fast: FastPathMode = FastPathMode.OFF,
    ) -> "SDXL":
        """Loads a diffusers folder; ``generator.pipeline`` says in which precision."""
        pipeline = load_pipeline(checkpoint, placement)
        info = read_model_info(checkpoint)
        sdxl = cls(pipeline, info, placement.device_lock, placement.max_batch_size)
        if fast is FastPathMode.AUTO:
            sdxl.fast_path = fast_path(sdxl, placement)
        return sdxl

    def warm_up(self) -> None:
        """Runs every part once, so that the first request meets no lazy initialisation.

        On CUDA at the default size, and with 1 to ``max_batch_size`` images at once, as each size
        and number of rows may have kernels of its own; one of the smallest size on a CPU, as
        SDXL's default takes minutes there. Raises any error of a part. From then on there are
        previews, if the VAE lets itself be fitted.
        """
        self.decode(self._warm(1))
        try:
            self._preview = self._fit_preview()
        except Exception:  # an image needs no preview
            log.warning("there will be no previews", exc_info=True)
        if self.device.type == "cuda":
            self._warm_batches()

    def _warm_batches(self) -> None:
        for count in range(2, self._max_batch_size + 1):
            try:
                self._warm(count)
            except OutOfMemory:
                log.warning("%d images at once do not fit", count)  # the engine will halve them
                return

    def _warm(self, count: int) -> list[Sample]:
        """So many denoised samples. Raises any error of a part."""
        is_fast = self.device.type == "cuda"
        side = self.info.default_size if is_fast else self.info.smallest_size
        size = {"width": side, "height": side}
        request = self.info.request("warm", num_inference_steps=1, seed=0, **size)
        samples = self.prepare([request] * count)
        while not samples[0].is_denoised:
            for error in self.denoise(samples).values():
                raise error
        return samples

    @on_device
    @torch.inference_mode()
    def prepare(self, requests: Sequence[GenerationRequest]) -> list[Sample]:
        """Samples with the requests' noise and conditioning; all texts are encoded together."""
        encoded = self.fast_path.with_room(lambda: self._encode(requests))
        pairs = zip(requests, encoded, strict=True)
        return [self._sample(request, *rows) for request, rows in pairs]

    def _sample(
        self,
        request: GenerationRequest,
        prompt_embeds: torch.Tensor,
        add_text_embeds: torch.Tensor,
    ) -> Sample:
        scheduler = copy.deepcopy(self.pipeline.scheduler)
        # In host memory: schedulers look values up by the timestep, which would be waited for.
        scheduler.set_timesteps(request.num_inference_steps)
        if hasattr(scheduler, "set_begin_index"):
            scheduler.set_begin_index(0)
        rng = torch.Generator("cpu").manual_seed(request.seed)
        channels, scale = self.pipeline.unet.config.in_channels, self.pipeline.vae_scale_factor
        shape = (1, channels, request.height // scale, request.width // scale)
        # Always in fp32: some torch releases draw other numbers in fp16.
        noise = randn_tensor(shape, rng, self.device, torch.float32)
        return Sample(
            request=request,
            scheduler=scheduler,
            timesteps=scheduler.timesteps.to(self.device),
            latents=noise.to(prompt_embeds.dtype) * scheduler.init_noise_sigma,
            prompt_embeds=prompt_embeds,
            add_text_embeds=add_text_embeds,
            add_time_ids=self._add_time_ids(request, prompt_embeds),
            extra_step_kwargs=self.pipeline.prepare_extra_step_kwargs(rng, eta=0.0),
            unseen_words=unseen_words(self.pipeline.tokenizer, request.prompt),
        )

    @on_device
    @torch.inference_mode()
    def denoise(self, samples: Sequence[Sample]) -> dict[int, Exception]:
        """Runs one UNet forward over all rows, then each sample's own scheduler step.

        A forward that fails raises before any sample has moved. A scheduler that fails stops
        only its own sample: its error is returned by index. If the forward before was at fault,
        its samples are put back first, also those that are not in this one.
        """
        inputs, noise_pred = self._predict(samples)
        errors: dict[int, Exception] = {}
        rows_of = [len(sample.prompt_embeds) for sample in samples]
        parts = (each.split(rows_of) for each in (inputs.latents, noise_pred))
        for index, (sample, *rows) in enumerate(zip(samples, *parts, strict=True)):
            try:
                naming_out_of_memory(partial(sample.advance, *rows))
            except Exception as error:  # a neighbour must not pay for it; the engine logs it
                errors[index] = error
        return errors

    def _predict(self, samples: Sequence[Sample]) -> tuple[UNetInputs, torch.Tensor]:
        """What the UNet is given and gives: again, if the step before had to be taken back."""
        unet, noise_pred = self.pipeline.unet, None
        while noise_pred is None:
            inputs = UNetInputs.of(samples)
            if inputs.latents.dtype is next(unet.parameters()).dtype:  # unet.dtype takes 2 to 10 ms
                forward, remember = partial(inputs.forward, unet), partial(remembered, samples)
                noise_pred = self.fast_path.launch(forward, remember)
            else:
                with self.fast_path.off(Forward), precise(unet):
                    noise_pred = inputs.forward(unet)
        return inputs, noise_pred

    @on_device
    @torch.inference_mode()
    def decode(self, samples: Sequence[Sample]) -> list[Image.Image]:
        """The RGB images of samples of one batch key. Raises NonFinite and BegunAnew."""
        self.fast_path.settle()
        if any(sample.was_put_back for sample in samples):
            raise BegunAnew("the last step was taken back")
        latents = torch.cat([sample.latents for sample in samples])
        if not latents.isfinite().all():
            self._begin_anew(samples)
        # On the host, where it has to go, so that it is waited for once.
        pixels = self.fast_path.call(lambda: self.pixels(latents)).cpu()
        if not pixels.isfinite().all():
            raise NonFinite(f"the pixels left the range of {self.pipeline.vae.dtype}")
        images: list[Image.Image] = self.pipeline.image_processor.postprocess(
            pixels, output_type="pil"
        )
        return images

    def _begin_anew(self, samples: Sequence[Sample]) -> NoReturn:
        """Sets one sample back to its first step, to be computed in fp32; it had become NaN."""
        dtype = samples[0].latents.dtype
        if len(samples) > 1 or dtype is torch.float32:
            raise NonFinite(f"the latents left the range of {dtype}")
        [sample] = samples
        rows = sample.prompt_embeds.float(), sample.add_text_embeds.float()
        anew = self._sample(sample.request, *rows)
        for field in fields(Sample):
            setattr(sample, field.name, getattr(anew, field.name))
        raise BegunAnew(f"the latents left the range of {dtype}")

    def decode_batch_size(self, sample: Sample) -> int:
        return self._decoder.batch_size(sample.latents)

    def pixels(self, latents: torch.Tensor) -> torch.Tensor:
        """Pixels (N, 3, height, width), about [-1, 1]; in tiles if there is little room."""
        return self._decoder.decode(latents)

    @on_device
    @torch.inference_mode()
    def improve(self) -> None:
        """Tries the next candidate that may make it faster."""
        self.fast_path.improve()

    def preview(self, sample: Sample) -> Image.Image | None:
        """The image as it is foreseen now, one pixel for each latent.

        None before ``warm_up``, and if the VAE does not let itself be fitted.
        """
        return self._draw(self._preview, sample) if self._preview else None

    @on_device
    @torch.inference_mode()
    def _draw(self, preview: Preview, sample: Sample) -> Image.Image:
        self.fast_path.settle()
        return preview.image(sample.clean_latents())

    @on_device
    def _fit_preview(self) -> Preview:
        return Preview.fit(self.pipeline.vae)

    def _encode(
        self, requests: Sequence[GenerationRequest]
    ) -> list[tuple[torch.Tensor, torch.Tensor]]:
        """Each request's rows for the UNet: the negative prompt's first if there is guidance."""
        texts = [text for request in requests for text in self._texts(request) if text is not None]
        unique = list(dict.fromkeys(texts))
        with self.fast_path.off(Switch), self._encoders:  # which were judged by the UNet alone
            prompt_embeds, _, pooled, _ = self.pipeline.encode_prompt(
                unique, device=self.device, do_classifier_free_guidance=False
            )
        rows: dict[str | None, tuple[torch.Tensor, torch.Tensor]] = dict(
            zip(unique, zip(prompt_embeds.split(1), pooled.split(1), strict=True), strict=True)
        )
        rows[None] = torch.zeros_like(prompt_embeds[:1]), torch.zeros_like(pooled[:1])
        return [
            tuple(map(torch.cat, zip(*(rows[text] for text in self._texts(request)), strict=True)))
            for request in requests
        ]

    def _texts(self, request: GenerationRequest) -> list[str | None]:
        """What each row says; None stands for zeros, as diffusers has for no negative prompt."""
        if request.guidance_scale <= 1:
            return [request.prompt]
        negative_prompt = request.negative_prompt
        if negative_prompt is None and not self.pipeline.config.force_zeros_for_empty_prompt:
            negative_prompt = ""
        return [negative_prompt, request.prompt]

    def _add_time_ids(
        self, request: GenerationRequest, prompt_embeds: torch.Tensor
    ) -> torch.Tensor:
        """Original size, crop and target size, (height, width) each (Podell et al. 2023, 2.2)."""
        size = (request.height, request.width)
        time_ids = torch.tensor(
            [[*size, 0, 0, *size]], dtype=prompt_embeds.dtype, device=self.device
        )
        return time_ids.expand(len(prompt_embeds), -1)
