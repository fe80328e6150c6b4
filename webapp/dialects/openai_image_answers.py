"""Images as OpenAI's API answers them, whole."""

from typing import Literal

from webapp.dialects.answer import Answer
from webapp.dialects.openai_tokens import ImageTokens


class ImageData(Answer):
    """``seed`` is ours: with it the same words paint the same image again."""

    b64_json: str
    revised_prompt: str
    seed: int


class Images(Answer):
    created: int
    background: Literal["opaque"] = "opaque"
    output_format: str
    size: str
    data: list[ImageData]
    usage: ImageTokens = ImageTokens()
