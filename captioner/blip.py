"""BLIP as the engine drives it: a batch of pictures in, their captions out."""

import logging
from collections.abc import Hashable, Sequence
from contextlib import AbstractContextManager, nullcontext

import torch
import transformers
from PIL import Image
from transformers import BertTokenizer, BlipForConditionalGeneration, BlipProcessor
from transformers.models.blip.image_processing_pil_blip import BlipImageProcessorPil

from captioner.decoding import StaticDecoder, generate
from captioner.familiarity import Familiarity
from captioner.faster import PICTURES, CaptionBench, Static, VisionBench, VisionGraph
from captioner.request import Caption, CaptionRequest
from models_cache.flags import FastPath
from models_cache.local_checkpoint import LocalCheckpoint
from models_cache.runtime.cuda_graph import Recorded, capture_on_cuda
from models_cache.runtime.device import OutOfMemory, naming_out_of_memory, on_device
from models_cache.runtime.gpu_fit import Placement
from models_cache.runtime.model_thread import on_short_lived_thread
from models_cache.runtime.offload import Offload
from models_cache.runtime.trial import Verdict, try_candidate
from models_cache.terminal import tell

log = logging.getLogger(__name__)

# By component: the classes whose weights ``models_cache.runtime.tensors`` compares.
COMPONENTS = {"captioner": BlipForConditionalGeneration}


class Blip:
    """The captioning model. All methods are for the thread that owns it.

    If there is a ``device_lock``, which all models on the device share, the weights wait in host
    memory and come in for each batch, while no other model computes. Otherwise they stay on the
    device. ``fast`` says whether the warm-up tries what may be faster; any thread may read the
    ``verdicts``.
    """

    def __init__(
        self,
        model: BlipForConditionalGeneration,
        processor: BlipProcessor,
        name: str,
        placement: Placement | None = None,
        familiarity: Familiarity | None = None,
        fast: FastPath = FastPath.OFF,
    ) -> None:
        self.model = model.eval().requires_grad_(False)
        self.processor = processor
        self.name = name
        self.familiarity = familiarity
        self.fast = fast
        self.verdicts: tuple[Verdict, ...] = ()
        self.static_decoder: StaticDecoder | None = None
        self.vision_graph: Recorded | None = None
        self.device = placement.device if placement else model.device
        lock = placement.device_lock if placement else None
        # A graph knows where the weights lie.
        self.has_graphs = self.device.type == "cuda" and lock is None
        self.device_lock: AbstractContextManager[object] = lock or nullcontext()
        self._weights = Offload([model], self.device) if lock else nullcontext()

    @classmethod
    def load(
        cls,
        checkpoint: LocalCheckpoint,
        placement: Placement,
        fast: FastPath = FastPath.OFF,
    ) -> "Blip":
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
        return cls(model, processor, checkpoint.known.name, placement, familiarity, fast)

    def warm_up(self) -> None:
        """Runs every part once, so that the first request meets no lazy initialisation.

        Then it tries what may be faster, if it is to.
        """
        self.caption_batch([CaptionRequest(Image.new("RGB", (64, 64)), max_new_tokens=2)])
        if self.fast is FastPath.AUTO:
            on_short_lived_thread(self.device, self._try_faster)

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
            image_embeds, tokens = self._found(pixel_values, requests)
            are_familiar = self._are_familiar(image_embeds)
        words = self.processor.batch_decode(tokens, skip_special_tokens=True)
        return [
            Caption(each.strip(), is_familiar)
            for each, is_familiar in zip(words, are_familiar, strict=True)
        ]

    def _found(
        self, pixel_values: torch.Tensor, requests: Sequence[CaptionRequest]
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """What is seen, and the tokens that tell it.

        If what is faster fails, transformers' own way takes its place for good.
        """
        fast = self.static_decoder, self.vision_graph
        try:
            return naming_out_of_memory(lambda: self._find(pixel_values, requests))
        except Exception as error:
            if fast == (None, None) or isinstance(error, OutOfMemory):
                raise
            log.warning("the fast path of the captioner failed", exc_info=True)
            self._go_back()
        try:
            return self._find(pixel_values, requests)
        except Exception:  # it was not the fast path's fault
            self.static_decoder, self.vision_graph = fast
            raise

    def _find(
        self, pixel_values: torch.Tensor, requests: Sequence[CaptionRequest]
    ) -> tuple[torch.Tensor, torch.Tensor]:
        # The ids first: bringing them waits for all that was launched before.
        input_ids, image_embeds = self._input_ids(requests), self.see(pixel_values)
        decoder, asked = self.model.text_decoder, requests[0]
        if asked.num_beams > 1:
            count = asked.max_new_tokens
            return image_embeds, generate(decoder, image_embeds, input_ids, count, asked.num_beams)
        return image_embeds, self.decode(image_embeds, input_ids, asked.max_new_tokens)

    def see(self, pixel_values: torch.Tensor) -> torch.Tensor:
        """Rows, patches, width: what the decoder reads. The next call may write over it."""
        graph = self.vision_graph
        if graph is not None and graph.takes(pixel_values):
            return graph(pixel_values)
        image_embeds: torch.Tensor = self.model.vision_model(pixel_values).last_hidden_state
        return image_embeds

    def decode(
        self, image_embeds: torch.Tensor, input_ids: torch.Tensor, max_new_tokens: int
    ) -> torch.Tensor:
        """Greedily, by what is adopted."""
        static = self.static_decoder
        if static is not None and static.takes(input_ids, max_new_tokens):
            return static.generate(image_embeds, input_ids, max_new_tokens)
        return generate(self.model.text_decoder, image_embeds, input_ids, max_new_tokens)

    def _try_faster(self) -> None:
        try:
            for verdict in self._verdicts():
                self.verdicts = (*self.verdicts, verdict)
                tell(f"Fast path: {verdict}.")
        except Exception:  # such as a want of room, which plain captions may not have
            log.warning("the fast path of the captioner cannot be tried", exc_info=True)
            self._go_back()

    def _go_back(self) -> None:
        self.static_decoder = self.vision_graph = None

    @on_device
    @torch.inference_mode()
    def _verdicts(self) -> list[Verdict]:
        decoder, side = self.model.text_decoder, self.model.config.vision_config.image_size
        noise = torch.randn(PICTURES, 3, side, side, generator=torch.Generator().manual_seed(0))
        pixels, verdicts = noise.to(self.device, self.model.dtype), []
        with self._weights:
            if self.has_graphs:
                graph = VisionGraph(self, self.model.vision_model, capture_on_cuda, pixels)
                verdicts.append(try_candidate(graph, VisionBench(self, pixels)))
            embeds, capture = self.see(pixels), capture_on_cuda if self.has_graphs else None
            static = Static(self, decoder, capture, embeds)
            verdicts.append(try_candidate(static, CaptionBench(self, embeds, decoder.config)))
        return verdicts

    def _are_familiar(self, image_embeds: torch.Tensor) -> Sequence[bool | None]:
        """The published models cannot tell."""
        if self.familiarity is None:
            return [None] * len(image_embeds)
        return self.familiarity.are_familiar(image_embeds)

    def _input_ids(self, requests: Sequence[CaptionRequest]) -> torch.Tensor:
        """Ids [DEC], prefix: what captions begin with."""
        first = self.model.config.text_config.bos_token_id
        rows = [[first, *self._prefix_ids(request.prefix)] for request in requests]
        return torch.tensor(rows, device=self.device)

    def _prefix_ids(self, prefix: str) -> list[int]:
        ids: list[int] = self.processor.tokenizer(prefix, add_special_tokens=False).input_ids
        return ids
