"""One picture to caption, and how; and its caption."""

from dataclasses import dataclass

from PIL import Image

MAX_NEW_TOKENS = 100
MAX_BEAMS = 8


@dataclass(frozen=True, slots=True, eq=False)
class CaptionRequest:
    """``prefix`` starts the caption, as "a photograph of" does; ``max_new_tokens`` bounds the rest.

    Raises ValueError for a length or a number of beams that is out of range.
    """

    image: Image.Image
    prefix: str = ""
    max_new_tokens: int = 40
    num_beams: int = 1

    def __post_init__(self) -> None:
        if not 1 <= self.max_new_tokens <= MAX_NEW_TOKENS:
            raise ValueError(f"max_new_tokens must be from 1 to {MAX_NEW_TOKENS}.")
        if not 1 <= self.num_beams <= MAX_BEAMS:
            raise ValueError(f"num_beams must be from 1 to {MAX_BEAMS}.")


class Caption(str):
    """The words; ``is_familiar`` is False if they are a guess.

    It is, if the captioner knows no pictures of this kind; and None if it cannot tell.
    """

    is_familiar: bool | None

    def __new__(cls, words: str, is_familiar: bool | None = None) -> "Caption":
        caption = super().__new__(cls, words)
        caption.is_familiar = is_familiar
        return caption
