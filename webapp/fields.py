"""What our own addresses take, for ``/openapi.json``; order.py and parameters.py read it."""

from typing import Literal

from webapp.dialects.body import Body, Painting


class Words(Painting):
    """Of ``/generate-image``."""

    prompt: str


class Again(Words):
    """``keep_seed``, any text, is for a job that is painted again."""

    images: Literal[1, 2, 4] = 1
    shape: Literal["like yours", "square", "tall", "wide"] = "like yours"
    keep_seed: str | None = None


class Upload(Again):
    """Of ``POST /``. ``keep_tics`` is any text; ``prompt`` stands in for the caption."""

    image: bytes
    prompt: str = ""
    prefix: str | None = None
    max_new_tokens: int | None = None
    num_beams: int | None = None
    keep_tics: str | None = None


class Key(Body):
    key: str
    next: str = ""
