"""Candidates to make captions faster, and what the judge compares: the same words, and sooner."""

from collections.abc import Sequence
from typing import Any, Protocol

import torch
from torch.nn.functional import pad
from transformers import BlipTextLMHeadModel, BlipVisionModel

from captioner.decoding import StaticDecoder
from models_cache.runtime.cuda_graph import Capture, Recorded
from models_cache.runtime.trial import timed

TOKENS = 8  # of a caption in a trial
PICTURES = 2
# A decoder that takes longer for these, as a large one on a CPU, has no time to win but its own.
MOST_SECONDS = 0.5


class Captioner(Protocol):
    """The parts of ``captioner.blip.Blip`` that trials need."""

    static_decoder: StaticDecoder | None
    vision_graph: Recorded | None

    def see(self, pixel_values: torch.Tensor) -> torch.Tensor: ...

    def decode(
        self, image_embeds: torch.Tensor, input_ids: torch.Tensor, max_new_tokens: int
    ) -> torch.Tensor: ...


class Static:
    """Captions decoded in caches of fixed size, by one graph a token where ``capture`` is given."""

    name = "captions in caches of fixed size"

    def __init__(
        self,
        captioner: Captioner,
        decoder: BlipTextLMHeadModel,
        capture: Capture | None,
        image_embeds: torch.Tensor,
    ) -> None:
        self.captioner = captioner
        self._decoder = decoder
        self._capture = capture
        self._one = image_embeds[:1].clone()
        self._made: StaticDecoder | None = None

    def turn_on(self) -> None:
        """The first time it makes the graphs. Raises what torch raises if it cannot."""
        if self._made is None:
            made = StaticDecoder(self._decoder)
            if self._capture is not None:
                made.record(self._capture, self._one)
            self._made = made
        self.captioner.static_decoder = self._made

    def turn_off(self) -> None:
        self.captioner.static_decoder = None


class CaptionBench:
    """The decoder's words for what the vision model saw, ``image_embeds`` of several pictures."""

    def __init__(self, captioner: Captioner, image_embeds: torch.Tensor, config: Any) -> None:
        self.captioner = captioner
        self.image_embeds = image_embeds
        self.pad = config.pad_token_id
        self.sizes = sorted({1, len(image_embeds)})
        size = len(image_embeds), 1
        self.input_ids = torch.full(size, config.bos_token_id, device=image_embeds.device)

    def outputs(self) -> Sequence[torch.Tensor]:
        return [self._decode(size) for size in self.sizes]

    def difference(self, expected: Sequence[torch.Tensor], got: Sequence[torch.Tensor]) -> str:
        is_same = all(map(torch.equal, expected, got))
        return "" if is_same else "it gives other words"

    def seconds(self, size: int) -> float:
        return timed(self.image_embeds.device, lambda: self._decode(size))

    def problem(self) -> str:
        if all(self.seconds(1) > MOST_SECONDS for _ in range(2)):  # other work may delay one
            return "as the time goes to the model itself"
        return ""

    def _decode(self, size: int) -> torch.Tensor:
        """Padded: where all captions end early, one way notices it sooner than another."""
        ids = self.input_ids[:size]
        found = self.captioner.decode(self.image_embeds[:size], ids, TOKENS)
        return pad(found, (0, ids.shape[1] + TOKENS - found.shape[1]), value=self.pad)


class VisionGraph:
    """What the vision model sees in one picture, by one graph."""

    name = "CUDA graph of the vision model"

    def __init__(
        self,
        captioner: Captioner,
        model: BlipVisionModel,
        capture: Capture,
        pixel_values: torch.Tensor,
    ) -> None:
        self.captioner = captioner
        self._model = model
        self._capture = capture
        self._one = pixel_values[:1]
        self._made: Recorded | None = None

    def turn_on(self) -> None:
        """The first time it makes the graph. Raises what torch raises if it cannot."""
        if self._made is None:
            self._made = Recorded(self._capture, self._see, self._one)
        self.captioner.vision_graph = self._made

    def turn_off(self) -> None:
        self.captioner.vision_graph = None

    def _see(self, pixel_values: torch.Tensor) -> torch.Tensor:
        seen: torch.Tensor = self._model(pixel_values).last_hidden_state
        return seen


class VisionBench:
    """What is seen in one picture, of other numbers than the graph was made with."""

    sizes = (1,)

    def __init__(self, captioner: Captioner, pixel_values: torch.Tensor) -> None:
        self.captioner = captioner
        self.pixel_values = pixel_values[-1:]

    def outputs(self) -> Sequence[torch.Tensor]:
        return [self.captioner.see(self.pixel_values).clone()]

    def difference(self, expected: Sequence[torch.Tensor], got: Sequence[torch.Tensor]) -> str:
        return "" if torch.equal(expected[0], got[0]) else "it sees something else"

    def seconds(self, size: int) -> float:
        return timed(self.pixel_values.device, lambda: self.captioner.see(self.pixel_values))

    def problem(self) -> str:
        return ""
