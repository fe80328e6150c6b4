"""A caption's tokens, one by one: transformers' ``generate``, and the same in caches of fixed size.

``generate`` lets its caches grow, chooses in Python among all that it can do, and asks after each
token whether all have ended: a small decoder spends most of its time on that. With tensors that
stay where they are, a token is a few dozen kernels, and on CUDA one graph.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import torch
from transformers import BlipTextLMHeadModel
from transformers.cache_utils import EncoderDecoderCache, StaticCache

from models_cache.runtime.cuda_graph import Capture

TOKENS_BETWEEN_LOOKS = 4  # on CUDA, where to look means to wait
ROOM = 64  # caches have a multiple of so many places
CAPTURED = (64, 128)  # places: prefix and words of nearly all captions
# What a generation config may say of a decoder that just takes the likeliest token.
PLAIN = {
    "_from_model_config",
    "bos_token_id",
    "eos_token_id",
    "max_length",
    "output_attentions",
    "output_hidden_states",
    "pad_token_id",
    "transformers_version",
    "use_cache",
}

Step = Callable[[], object]


def generate(
    decoder: BlipTextLMHeadModel,
    image_embeds: torch.Tensor,
    input_ids: torch.Tensor,
    max_new_tokens: int,
    num_beams: int = 1,
) -> torch.Tensor:
    """``input_ids`` and what follows, padded: what BLIP's own ``generate`` gives for the images."""
    config, size, device = decoder.config, image_embeds.shape[:2], image_embeds.device
    tokens: torch.Tensor = decoder.generate(
        input_ids=input_ids,
        eos_token_id=config.sep_token_id,
        pad_token_id=config.pad_token_id,
        encoder_hidden_states=image_embeds,
        encoder_attention_mask=torch.ones(size, dtype=torch.long, device=device),
        max_new_tokens=max_new_tokens,
        num_beams=num_beams,
        do_sample=False,
    )
    return tokens


@dataclass
class Run:
    """One batch. The tensors of each stay where they are while they change."""

    cache: EncoderDecoderCache
    tokens: torch.Tensor  # (rows, places of the cache and one more), padded
    position: torch.Tensor  # of the last token, (1,)
    has_ended: torch.Tensor  # (rows,)
    image_embeds: torch.Tensor


@dataclass
class Kept:
    """A run that is used for every picture, and the graphs of its first token and of each other."""

    run: Run
    beginning: torch.Tensor  # which the first graph reads
    first: Step
    following: Step


class StaticDecoder:
    """Greedy: the same tokens as ``generate`` with one beam. For the thread that owns the model.

    Once ``record`` was called, one picture's tokens are a graph each, which keeps its caches;
    other caches live as long as their batch.
    """

    def __init__(self, decoder: BlipTextLMHeadModel) -> None:
        self.decoder = decoder
        self.most_tokens: int = decoder.config.max_position_embeddings
        self._kept: dict[tuple[int, ...], Kept] = {}

    def record(self, capture: Capture, image_embeds: torch.Tensor) -> None:
        """Makes the graphs for a picture as this one, before anything is asked for."""
        for places in CAPTURED:
            if places <= self.most_tokens:
                kept = self._captured(capture, self._run(image_embeds.clone(), places))
                self._kept[places, *image_embeds.shape] = kept

    def _captured(self, capture: Capture, run: Run) -> Kept:
        bos = self.decoder.config.bos_token_id
        beginning = torch.full((1, 1), bos, device=run.image_embeds.device)
        read = partial(self._read, run, run.image_embeds, beginning)
        read()  # makes the caches
        first, _ = capture(read)
        following, _ = capture(partial(self._next, run))  # it finds a few tokens meanwhile
        return Kept(run, beginning, first, following)

    def takes(self, input_ids: torch.Tensor, max_new_tokens: int) -> bool:
        """Whether it decodes as ``generate`` would: greedily, and within the model's positions.

        ``generate`` takes what pads for nothing, wherever it stands.
        """
        is_plain = set(self.decoder.generation_config.to_diff_dict()) <= PLAIN
        has_room = input_ids.shape[1] + max_new_tokens <= self.most_tokens
        has_prefix = input_ids.shape[1] > 1  # to look into it is to wait for the device
        pads = has_prefix and bool((input_ids == self.decoder.config.pad_token_id).any())
        return is_plain and has_room and not pads

    def generate(
        self, image_embeds: torch.Tensor, input_ids: torch.Tensor, max_new_tokens: int
    ) -> torch.Tensor:
        """``input_ids``, of which the first is the decoder's own, and what follows, padded."""
        length = input_ids.shape[1]
        places = min(-(-(length + max_new_tokens) // ROOM) * ROOM, self.most_tokens)
        run, step = self._begin(image_embeds, input_ids, places)
        for count in range(1, max_new_tokens):
            if count % self._tokens_between_looks == 0 and run.has_ended.all():
                return run.tokens[:, : length + count]
            step()
        return run.tokens[:, : length + max_new_tokens]

    @property
    def _tokens_between_looks(self) -> int:
        return TOKENS_BETWEEN_LOOKS if self.decoder.device.type == "cuda" else 1

    def _begin(
        self, image_embeds: torch.Tensor, input_ids: torch.Tensor, places: int
    ) -> tuple[Run, Step]:
        """A run that has read the prefix and found the first token, and what finds the next."""
        if (kept := self._kept.get((places, *image_embeds.shape))) is None:
            run = self._run(image_embeds, places)
            self._read(run, image_embeds, input_ids)
            return run, partial(self._next, run)
        if input_ids.shape[1] == 1:
            kept.run.image_embeds.copy_(image_embeds)
            kept.first()
        else:
            self._read(kept.run, image_embeds, input_ids)
        return kept.run, kept.following

    def _run(self, image_embeds: torch.Tensor, places: int) -> Run:
        rows, device, config = len(image_embeds), image_embeds.device, self.decoder.config
        caches = [
            StaticCache(config, max_cache_len=length) for length in (places, image_embeds.shape[1])
        ]
        return Run(
            EncoderDecoderCache(*caches),
            torch.full((rows, places + 1), config.pad_token_id, device=device),
            torch.zeros(1, dtype=torch.long, device=device),
            torch.zeros(rows, dtype=torch.bool, device=device),
            image_embeds,
        )

    def _read(self, run: Run, image_embeds: torch.Tensor, input_ids: torch.Tensor) -> None:
        """The prefix, into whatever the run held before."""
        run.cache.reset()
        run.tokens.fill_(self.decoder.config.pad_token_id)
        run.has_ended.fill_(False)
        length = input_ids.shape[1]
        run.tokens[:, :length] = input_ids
        positions = torch.arange(length, device=input_ids.device)
        run.position.fill_(length - 1)
        self._find(run, input_ids, positions, image_embeds)

    def _next(self, run: Run) -> None:
        last = run.tokens.index_select(1, run.position)
        self._find(run, last, run.position, run.image_embeds)

    def _find(
        self, run: Run, tokens: torch.Tensor, positions: torch.Tensor, image_embeds: torch.Tensor
    ) -> None:
        """Finds the token that follows these, of which each sees itself and those before it."""
        bert, config = self.decoder.bert, self.decoder.config
        states = bert.embeddings(input_ids=tokens, position_ids=positions[None])
        states = bert.encoder(
            states,
            attention_mask=_mask(positions, run.tokens.shape[1] - 1, states.dtype),
            encoder_hidden_states=image_embeds,  # read once: later they stand in the cache
            past_key_values=run.cache,
            use_cache=True,
        ).last_hidden_state
        found = self.decoder.cls(states[:, -1]).argmax(-1)
        found = found.masked_fill(run.has_ended, config.pad_token_id)
        run.has_ended |= found == config.sep_token_id
        run.position += 1
        run.tokens.index_copy_(1, run.position, found[:, None])


def _mask(positions: torch.Tensor, places: int, dtype: torch.dtype) -> torch.Tensor:
    """What is added to the scores of the cache's places, for a token at each of the positions."""
    is_later = torch.arange(places, device=positions.device) > positions[:, None]
    mask = torch.zeros(is_later.shape, dtype=dtype, device=positions.device)
    return mask.masked_fill_(is_later, torch.finfo(dtype).min)[None, None]
