"""A client's request: valid once it exists."""

from dataclasses import dataclass
from reprlib import repr as shown

MAX_PROMPT_CHARACTERS = 2000
MAX_STEPS = 200
MAX_GUIDANCE_SCALE = 50.0
MAX_SEED = 2**63 - 1


class InvalidRequest(ValueError):
    """``field`` is the wrong parameter's name, ``problem`` the rest of one sentence about it.

    ``problem`` begins with a verb, says which values are right and ends with a full stop.
    """

    def __init__(self, field: str, problem: str) -> None:
        super().__init__(f"{field} {problem}")
        self.field = field
        self.problem = problem


@dataclass(frozen=True, slots=True)
class GenerationRequest:
    """One image. Fields have the names and meanings of diffusers' ``StableDiffusionXLPipeline``.

    ``negative_prompt`` None and "" differ: None guides away from zeros, "" from the empty prompt.
    A ``guidance_scale`` of 1 or less means no guidance. Width and height are pixels; a
    checkpoint's ``ModelInfo`` says which of them it can draw. Raises InvalidRequest.
    """

    prompt: str
    width: int
    height: int
    num_inference_steps: int
    guidance_scale: float
    seed: int
    negative_prompt: str | None = None

    def __post_init__(self) -> None:
        check_prompt("prompt", self.prompt)
        if not self.prompt.strip():
            raise InvalidRequest("prompt", "is empty: say what to draw.")
        if self.negative_prompt is not None:
            check_prompt("negative_prompt", self.negative_prompt)
        check_whole_number("width", self.width, 1, 2**16)
        check_whole_number("height", self.height, 1, 2**16)
        check_whole_number("num_inference_steps", self.num_inference_steps, 1, MAX_STEPS)
        check_guidance_scale(self.guidance_scale)
        check_whole_number("seed", self.seed, 0, MAX_SEED)


def check_prompt(field: str, value: object) -> None:
    if not isinstance(value, str):
        raise InvalidRequest(field, "must be text.")
    if len(value) > MAX_PROMPT_CHARACTERS:
        raise InvalidRequest(
            field,
            f"has {len(value)} characters: at most {MAX_PROMPT_CHARACTERS} are allowed.",
        )
    if any("\ud800" <= character <= "\udfff" for character in value):
        raise InvalidRequest(
            field,
            "holds half of a surrogate pair, which is no character: send valid UTF-8.",
        )


def check_whole_number(field: str, value: object, lowest: int, highest: int) -> None:
    # bool is an int to Python, and True is no width.
    if type(value) is not int or not lowest <= value <= highest:
        raise InvalidRequest(
            field,
            f"must be a whole number from {lowest} to {highest}, not {shown(value)}.",
        )


def check_guidance_scale(value: object) -> None:
    # NaN fails every comparison; bool is an int to Python.
    if type(value) not in (int, float) or not 0 <= value <= MAX_GUIDANCE_SCALE:  # type: ignore[operator]
        raise InvalidRequest(
            "guidance_scale",
            f"must be a number from 0 to {MAX_GUIDANCE_SCALE:g}, not {shown(value)}.",
        )
