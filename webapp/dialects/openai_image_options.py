"""What OpenAI's clients may ask of images, beside the words."""

import re
from dataclasses import dataclass

from generator.model_info import ModelInfo
from generator.request import GenerationRequest, InvalidRequest, check_whole_number
from generator.shapes import Size
from webapp.dialects.body import Painting
from webapp.dialects.image_format import FORMATS, ImageFormat
from webapp.dialects.work import with_seeds

MOST_IMAGES = 10  # as OpenAI has it
MOST_PARTIAL_IMAGES = 3
SIZE = re.compile("([0-9]{1,6})x([0-9]{1,6})")
NO_SIZE = "must be WIDTHxHEIGHT, such as 1024x1024, or auto."
NO_URL = "must be b64_json: this server keeps no images for a later request by url."


@dataclass(frozen=True, slots=True)
class Delivery:
    """How images are sent. ``partial_images`` is the most of each image, in a stream."""

    format: ImageFormat
    quality: int | None
    is_stream: bool
    partial_images: int


class Options(Painting):
    """``size`` counts more than width and height."""

    n: int | None = None
    size: str | None = None
    response_format: str | None = None
    output_format: str | None = None
    output_compression: int | None = None
    stream: bool | None = None
    partial_images: int | None = None

    @property
    def delivery(self) -> Delivery:
        """Raises InvalidRequest."""
        if self.response_format not in (None, "b64_json"):
            raise InvalidRequest("response_format", NO_URL)
        name = self.output_format or "png"
        if name not in FORMATS:
            raise InvalidRequest("output_format", f"must be one of {', '.join(FORMATS)}.")
        if self.output_compression is not None:
            check_whole_number("output_compression", self.output_compression, 0, 100)
        partial_images = self.partial_images or 0
        check_whole_number("partial_images", partial_images, 0, MOST_PARTIAL_IMAGES)
        return Delivery(FORMATS[name], self.output_compression, bool(self.stream), partial_images)

    def requests(
        self, info: ModelInfo, prompt: str, like: Size | None = None
    ) -> list[GenerationRequest]:
        """As many as ``n`` says; of the size ``like`` if none is named. Raises InvalidRequest."""
        count = 1 if self.n is None else self.n
        check_whole_number("n", count, 1, MOST_IMAGES)
        given = {
            "negative_prompt": self.negative_prompt,
            "num_inference_steps": self.num_inference_steps,
            "guidance_scale": self.guidance_scale,
            "seed": self.seed,
        }
        try:
            return with_seeds(info.request(prompt, **given, **self._sides(like)), count)
        except InvalidRequest as error:
            if not self._names_size or error.field not in ("width", "height"):
                raise
            raise InvalidRequest("size", f"is wrong: its {error}") from error

    @property
    def _names_size(self) -> bool:
        return self.size not in (None, "", "auto")

    def _sides(self, like: Size | None) -> dict[str, int | None]:
        if self._names_size:
            found = SIZE.fullmatch(str(self.size))
            if found is None:
                raise InvalidRequest("size", NO_SIZE)
            return {"width": int(found[1]), "height": int(found[2])}
        if like is None or self.width is not None or self.height is not None:
            return {"width": self.width, "height": self.height}
        return {"width": like.width, "height": like.height}


class Generation(Options):
    prompt: str
