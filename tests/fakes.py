"""Hand-written stand-ins for the models: no torch, no weights, and faults on demand."""

import re
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field

from PIL import Image

from captioner.request import Caption, CaptionRequest
from generator.model_info import ModelInfo
from generator.request import GenerationRequest
from generator.shapes import Size

FAKE_INFO = ModelInfo(
    name="fake",
    sampler="Euler",
    default_size=64,
    smallest_size=16,
    largest_size=128,
    size_multiple=8,
    num_inference_steps=4,
    guidance_scale=5.0,
    learnt_sizes=(Size(64, 64),),
)


@dataclass(eq=False)
class FakeSample:
    request: GenerationRequest
    step_index: int = 0
    unseen_words: tuple[str, ...] = ()

    @property
    def batch_key(self) -> Hashable:
        return self.request.height, self.request.width

    @property
    def num_steps(self) -> int:
        return self.request.num_inference_steps

    @property
    def is_denoised(self) -> bool:
        return self.step_index >= self.num_steps


@dataclass
class FakeSDXL:
    """Paints the colour that the seed says.

    A prompt with "fails in denoise" in it does so at its first step, and "fails in denoise at
    step 2" when it has made two; so with prepare, scheduler and decode. A forward or
    a decode of more samples than ``memory`` fails. ``on_stage`` hears of each stage of each prompt
    before it begins. ``batches`` records the prompts of every forward that went well, ``decodes``
    those of every decode.
    """

    info: ModelInfo = FAKE_INFO
    memory: int = 1000
    on_stage: Callable[[str, str], object] = lambda stage, prompt: None
    batches: list[list[str]] = field(default_factory=list)
    decodes: list[list[str]] = field(default_factory=list)

    def prepare(self, requests: Sequence[GenerationRequest]) -> list[FakeSample]:
        samples = [FakeSample(request) for request in requests]
        for sample in samples:
            self._enter("prepare", sample)
        return samples

    def denoise(self, samples: Sequence[FakeSample]) -> dict[int, Exception]:
        for sample in samples:
            self._enter("denoise", sample)
        if len(samples) > self.memory:
            raise MemoryError(f"no room for {len(samples)} samples")
        self.batches.append([sample.request.prompt for sample in samples])
        errors: dict[int, Exception] = {}
        for index, sample in enumerate(samples):
            try:
                self._enter("scheduler", sample)
            except RuntimeError as error:
                errors[index] = error
            else:
                sample.step_index += 1
        return errors

    def decode(self, samples: Sequence[FakeSample]) -> list[Image.Image]:
        for sample in samples:
            self._enter("decode", sample)
        if len(samples) > self.memory:
            raise MemoryError(f"no room to decode {len(samples)} samples")
        self.decodes.append([sample.request.prompt for sample in samples])
        return [self._image(sample.request) for sample in samples]

    def decode_batch_size(self, sample: FakeSample) -> int:
        return 2

    def _image(self, request: GenerationRequest) -> Image.Image:
        return Image.new("RGB", (request.width, request.height), (request.seed % 256, 100, 200))

    def _enter(self, stage: str, sample: FakeSample) -> None:
        prompt = sample.request.prompt
        self.on_stage(stage, prompt)
        fault = re.search(rf"fails in {stage}(?: at step (\d+))?", prompt)
        if fault and int(fault[1] or sample.step_index) == sample.step_index:
            raise RuntimeError(f"{prompt!r} fails in {stage}")


@dataclass
class PreviewingSDXL(FakeSDXL):
    """Previews are of one pixel, as red as steps are done."""

    def preview(self, sample: FakeSample) -> Image.Image:
        self._enter("preview", sample)
        return Image.new("RGB", (1, 1), (sample.step_index, 100, 200))


@dataclass
class FakeBlip:
    """Captions a picture with its size; one whose first pixel is ``poison`` fails.

    One whose first pixel is ``strange`` is not familiar. ``batches`` records the sizes of the
    batches.
    """

    poison: tuple[int, int, int] = (255, 0, 0)
    strange: tuple[int, int, int] = (0, 0, 255)
    batches: list[int] = field(default_factory=list)

    def batch_key(self, request: CaptionRequest) -> Hashable:
        return len(request.prefix.split()), request.max_new_tokens, request.num_beams

    def caption_batch(self, requests: Sequence[CaptionRequest]) -> list[Caption]:
        self.batches.append(len(requests))
        for request in requests:
            if request.image.getpixel((0, 0)) == self.poison:
                raise RuntimeError(f"a poisoned picture, {request.image.width} wide")
        return [self._caption(request) for request in requests]

    def _caption(self, request: CaptionRequest) -> Caption:
        image = request.image
        words = f"{request.prefix} a picture of {image.width}x{image.height}".strip()
        return Caption(words, image.getpixel((0, 0)) != self.strange)
