"""BLIP as the engine drives it: a batch of pictures in, their captions out."""

from collections.abc import Hashable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import torch
import transformers
from transformers import BertTokenizer, BlipForConditionalGeneration, BlipProcessor
from transformers.models.blip.image_processing_pil_blip import BlipImageProcessorPil

from captioner.request import CaptionRequest
from models_cache import layout


class Blip:
    """All methods are for the thread that owns the model."""

    def __init__(
        self, model: BlipForConditionalGeneration, processor: BlipProcessor, name: str
    ) -> None:
        self.model = model.eval().requires_grad_(False)
        self.processor = processor
        self.name = name

    @classmethod
    def load(cls, folder: Path, device: torch.device, name: str) -> "Blip":
        """Loads a transformers folder: half precision on CUDA, fp32 on a CPU."""
        transformers.utils.logging.disable_progress_bar()  # over before it can be read
        model = BlipForConditionalGeneration.from_pretrained(
            folder,
            dtype=torch.float16 if device.type == "cuda" else torch.float32,
            variant=layout.variant(folder),
            use_safetensors=True,
            local_files_only=True,
        )
        processor = BlipProcessor(
            BlipImageProcessorPil.from_pretrained(folder, local_files_only=True),
            BertTokenizer.from_pretrained(folder, local_files_only=True),
        )
        return cls(model.to(device), processor, name)

    def batch_key(self, request: CaptionRequest) -> Hashable:
        """Prefixes of different length do not batch exactly, whichever side is padded."""
        prefix_tokens = len(self._prefix_ids(request.prefix))
        return prefix_tokens, request.max_new_tokens, request.num_beams

    def caption_batch(self, requests: Sequence[CaptionRequest]) -> list[str]:
        """The captions of requests that share a batch key, each as if made alone."""
        if self.model.device.type != "cpu":
            return self._caption_batch(requests)
        # OpenMP keeps a pool for every thread that ever computed, and once all pools together have
        # more threads than there are cores, each barrier of each of them goes to sleep. Beside an
        # idle pool of the captioner's a small UNet took half as long again: this one ends with us.
        with ThreadPoolExecutor(1, "captioning") as passing:
            return passing.submit(self._caption_batch, requests).result()

    @torch.inference_mode()
    def _caption_batch(self, requests: Sequence[CaptionRequest]) -> list[str]:
        images = self.processor.image_processor(
            [request.image for request in requests], return_tensors="pt"
        )
        tokens = self.model.generate(
            images.pixel_values.to(self.model.device, self.model.dtype),
            self._input_ids(requests),
            max_new_tokens=requests[0].max_new_tokens,
            num_beams=requests[0].num_beams,
            do_sample=False,
        )
        captions = self.processor.batch_decode(tokens, skip_special_tokens=True)
        return [caption.strip() for caption in captions]

    def _input_ids(self, requests: Sequence[CaptionRequest]) -> torch.Tensor | None:
        """[DEC], prefix, [SEP], which ``generate`` wants and cuts off; None without a prefix."""
        prefixes = [self._prefix_ids(request.prefix) for request in requests]
        if not prefixes[0]:
            return None
        config = self.model.config.text_config
        rows = [[config.bos_token_id, *ids, config.sep_token_id] for ids in prefixes]
        return torch.tensor(rows, device=self.model.device)

    def _prefix_ids(self, prefix: str) -> list[int]:
        ids: list[int] = self.processor.tokenizer(prefix, add_special_tokens=False).input_ids
        return ids
