"""BLIP as the engine drives it: a batch of pictures in, their captions out."""

from collections.abc import Hashable, Sequence
from contextlib import AbstractContextManager, nullcontext

import torch
import transformers
from PIL import Image
from transformers import BertTokenizer, BlipForConditionalGeneration, BlipProcessor
from transformers.models.blip.image_processing_pil_blip import BlipImageProcessorPil

from captioner.familiarity import Familiarity
from captioner.request import Caption, CaptionRequest
from models_cache.local_checkpoint import LocalCheckpoint
from models_cache.runtime.device import on_device
from models_cache.runtime.gpu_fit import Placement
from models_cache.runtime.model_thread import on_short_lived_thread
from models_cache.runtime.offload import Offload

# By component: the classes whose weights ``models_cache.runtime.tensors`` compares.
COMPONENTS = {"captioner": BlipForConditionalGeneration}


class Blip:
    """The captioning model. All methods are for the thread that owns it.

    If there is a ``device_lock``, which all models on the device share, the weights wait in host
    memory and come in for each batch, while no other model computes. Otherwise they stay on the
    device.
    """

    def __init__(
        self,
        model: BlipForConditionalGeneration,
        processor: BlipProcessor,
        name: str,
        placement: Placement | None = None,
        familiarity: Familiarity | None = None,
    ) -> None:
        self.model = model.eval().requires_grad_(False)
        self.processor = processor
        self.name = name
        self.familiarity = familiarity
        self.device = placement.device if placement else model.device
        lock = placement.device_lock if placement else None
        self.device_lock: AbstractContextManager[object] = lock or nullcontext()
        self._weights = Offload([model], self.device) if lock else nullcontext()

    @classmethod
    def load(cls, checkpoint: LocalCheckpoint, placement: Placement) -> "Blip":
        """Loads a transformers folder, in the placement's precision."""
        transformers.utils.logging.disable_progress_bar()  # over before it can be read
        folder = checkpoint.folder
        model = BlipForConditionalGeneration.from_pretrained(
            folder,
            dtype=placement.weights_dtype,
            device_map={"": torch.device("cpu") if placement.device_lock else placement.device},
            variant=checkpoint.variants["captioner"],
            use_safetensors=True,
            local_files_only=True,
        )
        processor = BlipProcessor(
            BlipImageProcessorPil.from_pretrained(folder, local_files_only=True),
            BertTokenizer.from_pretrained(folder, local_files_only=True),
        )
        familiarity = Familiarity.read(folder, placement.device)
        return cls(model, processor, checkpoint.known.name, placement, familiarity)

    def warm_up(self) -> None:
        """Runs every part once, so that the first request meets no lazy initialisation."""
        self.caption_batch([CaptionRequest(Image.new("RGB", (64, 64)), max_new_tokens=2)])

    def batch_key(self, request: CaptionRequest) -> Hashable:
        """Keeps prefixes of different length apart: padding on either side is not exact."""
        prefix_tokens = len(self._prefix_ids(request.prefix))
        return prefix_tokens, request.max_new_tokens, request.num_beams

    def caption_batch(self, requests: Sequence[CaptionRequest]) -> list[Caption]:
        """The captions of requests that share a batch key, each as if made alone.

        Raises OutOfMemory.
        """
        return on_short_lived_thread(self.device, lambda: self._caption(requests))

    @on_device
    @torch.inference_mode()
    def _caption(self, requests: Sequence[CaptionRequest]) -> list[Caption]:
        with self._weights:
            images = self.processor.image_processor(
                [request.image for request in requests], return_tensors="pt"
            )
            pixel_values = images.pixel_values.to(self.device, self.model.dtype)
            tokens = self.model.generate(
                pixel_values,
                self._input_ids(requests),
                max_new_tokens=requests[0].max_new_tokens,
                num_beams=requests[0].num_beams,
                do_sample=False,
            )
            are_familiar = self._are_familiar(pixel_values)
        words = self.processor.batch_decode(tokens, skip_special_tokens=True)
        return [
            Caption(each.strip(), is_familiar)
            for each, is_familiar in zip(words, are_familiar, strict=True)
        ]

    def _are_familiar(self, pixel_values: torch.Tensor) -> Sequence[bool | None]:
        """Looks a second time, which costs a small model little; the published ones cannot tell."""
        if self.familiarity is None:
            return [None] * len(pixel_values)
        return self.familiarity.are_familiar(
            self.model.vision_model(pixel_values).last_hidden_state
        )

    def _input_ids(self, requests: Sequence[CaptionRequest]) -> torch.Tensor | None:
        """Ids [DEC], prefix, [SEP], which ``generate`` wants and cuts off; None if no prefix."""
        prefixes = [self._prefix_ids(request.prefix) for request in requests]
        if not prefixes[0]:
            return None
        config = self.model.config.text_config
        rows = [[config.bos_token_id, *ids, config.sep_token_id] for ids in prefixes]
        return torch.tensor(rows, device=self.device)

    def _prefix_ids(self, prefix: str) -> list[int]:
        ids: list[int] = self.processor.tokenizer(prefix, add_special_tokens=False).input_ids
        return ids
