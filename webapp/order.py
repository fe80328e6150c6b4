"""What a form asks for: how many images, of which shape and parameters, in which words."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from PIL import Image

from captioner.request import MAX_BEAMS, MAX_NEW_TOKENS, CaptionRequest
from generator.model_info import ModelInfo, UnknownParameter
from generator.request import (
    MAX_SEED,
    GenerationRequest,
    InvalidRequest,
    check_whole_number,
)
from webapp.parameters import drop_blanks, parse_parameters

COUNTS = ("1", "2", "4")
LIKE_YOURS = "like yours"
SHAPES = (LIKE_YOURS, "square", "tall", "wide")
NUMBERS = {"max_new_tokens": MAX_NEW_TOKENS, "num_beams": MAX_BEAMS}
MOST_PREFIX = 200  # characters: the captioner reads a few hundred tokens
# In a request whose words are still to come.
TO_BE_CAPTIONED = "to be captioned"


class InvalidFields(InvalidRequest):
    """Every wrong field with its problem; as one error, the first of them."""

    def __init__(self, problems: Mapping[str, str]) -> None:
        name, problem = next(iter(problems.items()))
        super().__init__(name, problem)
        self.problems = dict(problems)


@dataclass(frozen=True, slots=True)
class Order:
    """``requests`` are valid but for their words; their seeds count up.

    ``prompt`` is None if the caption is to be painted. ``keeps_tics`` paints it as it is.
    """

    requests: tuple[GenerationRequest, ...]
    prompt: str | None = None
    caption: Mapping[str, object] = field(default_factory=dict)
    keeps_tics: bool = False

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the images."""
        return self.requests[0].width, self.requests[0].height

    def caption_request(self, image: Image.Image) -> CaptionRequest:
        return CaptionRequest(image, **self.caption)  # type: ignore[arg-type]

    def apart(self) -> list["Order"]:
        """An order for each image."""
        return [replace(self, requests=(request,)) for request in self.requests]

    def with_words(self, words: str) -> list[GenerationRequest]:
        """Raises InvalidRequest for words that are no prompt."""
        return [replace(request, prompt=words) for request in self.requests]


def parse_order(
    fields: Mapping[str, str],
    info: ModelInfo,
    picture: tuple[int, int],
    old_seed: int | None = None,
) -> Order:
    """``picture`` is width and height of the upload; ``old_seed`` is for those who keep it.

    A field ``prompt`` must hold words; without one the caption is painted.
    Raises InvalidFields, which names all that is wrong, and UnknownParameter.
    """
    given = drop_blanks(fields)
    problems: dict[str, str] = {}
    count = _choice(given, "images", COUNTS, problems)
    shape = _choice(given, "shape", SHAPES, problems)
    caption = _caption(given, problems)
    prompt = given.pop("prompt", None)
    if "prompt" in fields and prompt is None:
        problems["prompt"] = "is empty: say what to paint."
    keeps_tics, keeps_seed = given.pop("keep_tics", ""), given.pop("keep_seed", "")
    parameters = parse_parameters(given)
    if keeps_seed and old_seed is not None:
        parameters["seed"] = old_seed
    if not {"width", "height"} & parameters.keys():
        parameters["width"], parameters["height"] = _size(info, shape, picture)
    _check(info, {"prompt": prompt or TO_BE_CAPTIONED} | parameters, problems)
    if problems:
        raise InvalidFields(problems)
    first = info.request(prompt or TO_BE_CAPTIONED, **parameters)
    seeds = ((first.seed + index) % (MAX_SEED + 1) for index in range(int(count)))
    requests = tuple(replace(first, seed=seed) for seed in seeds)
    return Order(requests, prompt, caption, bool(keeps_tics))


def options_of(order: Order, info: ModelInfo, picture: tuple[int, int]) -> dict[str, str]:
    """The fields that would ask for such images again, words and seed left out.

    Empty if all is as it would be without any.
    """
    asked, given = order.requests[0], {}
    if asked.negative_prompt:
        given["negative_prompt"] = asked.negative_prompt
    if asked.num_inference_steps != info.num_inference_steps:
        given["num_inference_steps"] = str(asked.num_inference_steps)
    if asked.guidance_scale != info.guidance_scale:
        given["guidance_scale"] = f"{asked.guidance_scale:g}"
    shapes = (shape for shape in SHAPES if _size(info, shape, picture) == order.size)
    if (shape := next(shapes, LIKE_YOURS)) != LIKE_YOURS:
        given["shape"] = shape
    return given


def _choice(
    given: dict[str, str], name: str, choices: tuple[str, ...], problems: dict[str, str]
) -> str:
    value = given.pop(name, choices[0])
    if value not in choices:
        problems[name] = f"must be one of {', '.join(choices)}."
        return choices[0]
    return value


def _caption(given: dict[str, str], problems: dict[str, str]) -> dict[str, object]:
    """How to caption; names are those of CaptionRequest."""
    caption: dict[str, object] = {}
    if prefix := given.pop("prefix", "").strip():
        if len(prefix) > MOST_PREFIX:
            problems["prefix"] = f"has {len(prefix)} characters: at most {MOST_PREFIX} are allowed."
        caption["prefix"] = prefix
    numbers = {name: given.pop(name) for name in NUMBERS if name in given}
    for name, value in parse_parameters(numbers).items():
        try:
            check_whole_number(name, value, 1, NUMBERS[name])
        except InvalidRequest as error:
            problems[name] = error.problem
        caption[name] = value
    return caption


def _size(info: ModelInfo, shape: str, picture: tuple[int, int]) -> tuple[int, int]:
    return info.nearest_size(*picture) if shape == LIKE_YOURS else info.size_of_shape(shape)


def _check(info: ModelInfo, parameters: Mapping[str, object], problems: dict[str, str]) -> None:
    """Adds a problem for each parameter that is wrong by itself."""
    prompt = str(parameters["prompt"])
    for name, value in parameters.items():
        try:
            info.request(prompt) if name == "prompt" else info.request("words", **{name: value})
        except UnknownParameter:
            raise  # no field of ours has that name
        except InvalidRequest as error:
            problems.setdefault(error.field, error.problem)
