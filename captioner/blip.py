"""BLIP as the engine drives it: a batch of pictures in, their captions out."""

from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TypeVar

import torch
import transformers
from PIL import Image
from transformers import BertTokenizer, BlipForConditionalGeneration, BlipProcessor
from transformers.models.blip.image_processing_pil_blip import BlipImageProcessorPil

from captioner.request import CaptionRequest
from models_cache import layout
from models_cache.catalog import Family
from models_cache.device import dtype_on
from models_cache.device_memory import guarded
from models_cache.loading import Loading
from models_cache.parked import Parked
from models_cache.tensors import check_transformers

Result = TypeVar("Result")


class Blip:
    """All methods are for the thread that owns the model.

    With ``turns``, the lock of all models on its device, the weights wait in host memory and come
    in for each batch, while no other model works there. Without it they stay on the device.
    """

    def __init__(
        self,
        model: BlipForConditionalGeneration,
        processor: BlipProcessor,
        name: str,
        device: torch.device | None = None,
        turns: AbstractContextManager[object] | None = None,
    ) -> None:
        self.model = model.eval().requires_grad_(False)
        self.processor = processor
        self.name = name
        self.device = device or model.device
        self._turns = turns or nullcontext()
        self._weights = Parked([model], self.device) if turns else nullcontext()

    @classmethod
    def load(
        cls,
        folder: Path,
        device: torch.device,
        name: str,
        turns: AbstractContextManager[object] | None = None,
    ) -> "Blip":
        """From a transformers folder: half precision on CUDA, fp32 on a CPU."""
        transformers.utils.logging.disable_progress_bar()  # over before it can be read
        model = BlipForConditionalGeneration.from_pretrained(
            folder,
            dtype=dtype_on(device),
            device_map={"": torch.device("cpu") if turns else device},
            variant=layout.variant(folder),
            use_safetensors=True,
            local_files_only=True,
        )
        processor = BlipProcessor(
            BlipImageProcessorPil.from_pretrained(folder, local_files_only=True),
            BertTokenizer.from_pretrained(folder, local_files_only=True),
        )
        return cls(model, processor, name, device, turns)

    def warm_up(self) -> None:
        """Runs every part once: the first request is to find no lazy initialisation left."""
        self.caption_batch([CaptionRequest(Image.new("RGB", (64, 64)), max_new_tokens=2)])

    def batch_key(self, request: CaptionRequest) -> Hashable:
        """Prefixes of different length do not batch exactly, whichever side is padded."""
        prefix_tokens = len(self._prefix_ids(request.prefix))
        return prefix_tokens, request.max_new_tokens, request.num_beams

    def caption_batch(self, requests: Sequence[CaptionRequest]) -> list[str]:
        """The captions of requests that share a batch key, each as if made alone.

        Raises OutOfMemory.
        """
        return in_passing(self.device, lambda: self._take_turn(requests))

    def _take_turn(self, requests: Sequence[CaptionRequest]) -> list[str]:
        with self._turns:
            return guarded(lambda: self._caption(requests))

    @torch.inference_mode()
    def _caption(self, requests: Sequence[CaptionRequest]) -> list[str]:
        with self._weights:
            return self._generate(requests)

    def _generate(self, requests: Sequence[CaptionRequest]) -> list[str]:
        images = self.processor.image_processor(
            [request.image for request in requests], return_tensors="pt"
        )
        tokens = self.model.generate(
            images.pixel_values.to(self.device, self.model.dtype),
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
        return torch.tensor(rows, device=self.device)

    def _prefix_ids(self, prefix: str) -> list[int]:
        ids: list[int] = self.processor.tokenizer(prefix, add_special_tokens=False).input_ids
        return ids


def check_weights(folder: Path) -> None:
    """Raises WrongCheckpoint, ready to print, where the weights in ``folder`` are not its model's.

    Not while another thread makes or runs a model.
    """
    files = layout.weight_files(folder, Family.BLIP)["captioner"]
    check_transformers(BlipForConditionalGeneration, folder, files)


def loading(folder: Path, name: str) -> Loading:
    """The files that ``Blip.load`` will map."""
    return Loading(name, layout.weight_files(folder, Family.BLIP))


def in_passing(device: torch.device, work: Callable[[], Result]) -> Result:
    """What ``work`` returns; on a CPU it is done on a thread that then ends.

    OpenMP keeps a pool for every thread that ever computed, and once all pools together have more
    threads than there are cores, each barrier of each of them goes to sleep. Beside an idle pool of
    the captioner's a small UNet took half as long again.
    """
    if device.type != "cpu":
        return work()
    with ThreadPoolExecutor(1, "captioning") as passing:
        return passing.submit(work).result()
