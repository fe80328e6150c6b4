"""The loaded checkpoint's sizes and defaults, and the requests that it can serve."""

import secrets
from dataclasses import asdict, dataclass

from generator.marking import Marking
from generator.request import (
    MAX_STEPS,
    GenerationRequest,
    InvalidRequest,
    check_whole_number,
)
from generator.shapes import SHAPES, Size, nearest, sizes_at


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """Sizes are pixels. ``sampler`` is the name that image tools know the scheduler by.

    ``most_steps`` is the largest ``num_inference_steps`` that the scheduler can take. A checkpoint
    that names its ``learnt_sizes`` paints others badly; it may be asked for them all the same.
    ``marking`` is what the files of its images say of it.
    """

    name: str
    sampler: str
    default_size: int
    smallest_size: int
    largest_size: int
    size_multiple: int
    num_inference_steps: int
    guidance_scale: float
    most_steps: int = MAX_STEPS
    learnt_sizes: tuple[Size, ...] = ()
    marking: Marking = Marking()

    @property
    def sizes(self) -> tuple[Size, ...]:
        """The sizes to offer, from the tallest to the widest: those that it paints best."""
        if self.learnt_sizes:
            return self.learnt_sizes
        sizes = sizes_at(self.default_size, self.size_multiple)
        allowed = range(self.smallest_size, self.largest_size + 1)
        return tuple(size for size in sizes if size.width in allowed and size.height in allowed)

    def nearest_size(self, width: int, height: int) -> Size:
        """The one of ``sizes`` whose proportions are most like a picture's."""
        return nearest(self.sizes, width, height)

    def size_of_shape(self, shape: object) -> Size:
        """The size for a word, "square", "tall" or "wide". Raises InvalidRequest for another."""
        if not isinstance(shape, str) or shape not in SHAPES:
            raise InvalidRequest("shape", "must be square, tall or wide.")
        return self.nearest_size(*SHAPES[shape])

    def request(self, prompt: str, /, **parameters: object) -> GenerationRequest:
        """A request that this checkpoint can serve; missing parameters take their defaults.

        None asks for the default too, and a missing seed is drawn at random. Raises InvalidRequest
        for a wrong value, and for a parameter whose name GenerationRequest does not have.
        """
        fields: dict[str, object] = {
            "width": self.default_size,
            "height": self.default_size,
            "num_inference_steps": self.num_inference_steps,
            "guidance_scale": self.guidance_scale,
            "seed": secrets.randbelow(2**32),
            "negative_prompt": None,
        }
        for name, value in parameters.items():
            if name not in fields:
                raise UnknownParameter(name, ["prompt", *fields])
            if value is not None:
                fields[name] = value
        self._check_size("width", fields["width"])
        self._check_size("height", fields["height"])
        check_whole_number("num_inference_steps", fields["num_inference_steps"], 1, self.most_steps)
        return GenerationRequest(prompt, **fields)  # type: ignore[arg-type]

    def check(self, request: GenerationRequest) -> None:
        """Raises InvalidRequest for one that was made for another checkpoint."""
        parameters = asdict(request)
        self.request(parameters.pop("prompt"), **parameters)

    def _check_size(self, field: str, value: object) -> None:
        multiple = self.size_multiple
        try:
            check_whole_number(field, value, self.smallest_size, self.largest_size)
        except InvalidRequest:
            value = None
        if not isinstance(value, int) or value % multiple:
            raise InvalidRequest(
                field,
                f"must be a multiple of {multiple} from {self.smallest_size} to"
                f" {self.largest_size} pixels.",
            )


class UnknownParameter(InvalidRequest):
    """The message quotes the name, as a client may have sent any characters."""

    def __init__(self, name: str, known: list[str]) -> None:
        super().__init__(name[:40], f"is not known here: use {', '.join(known)}.")

    def __str__(self) -> str:
        return f"{self.field!r} {self.problem}"
