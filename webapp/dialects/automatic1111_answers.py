"""What AUTOMATIC1111's API answers: of many fields, those that its clients read."""

from typing import Any

from webapp.dialects.answer import Answer


class Images(Answer):
    """``images`` are PNG in base64; ``info`` is JSON, as text."""

    images: list[str]
    parameters: dict[str, Any]
    info: str


class Interrogated(Answer):
    caption: str


class PngInfo(Answer):
    info: str
    items: dict[str, str]
    parameters: dict[str, str]


class State(Answer):
    skipped: bool = False
    interrupted: bool
    stopping_generation: bool = False
    job: str
    job_count: int
    job_timestamp: str = "0"
    job_no: int
    sampling_step: int
    sampling_steps: int


class Progress(Answer):
    """``progress``: 0 to 1. ``eta_relative``: in seconds. ``current_image``: a PNG in base64."""

    progress: float
    eta_relative: float
    state: State
    current_image: str | None
    textinfo: None = None


class Options(Answer):
    """``samples_format`` is that of the images in answers."""

    sd_model_checkpoint: str
    samples_format: str = "png"


class Model(Answer):
    title: str
    model_name: str
    filename: str = ""
    hash: None = None
    sha256: None = None
    config: None = None


class Sampler(Answer):
    name: str
    aliases: list[str] = []
    options: dict[str, str] = {}


class Scheduler(Answer):
    name: str = "automatic"
    label: str = "Automatic"
    aliases: list[str] = []
    default_rho: float = -1.0
    need_inner_model: bool = False


class Scripts(Answer):
    txt2img: list[str] = []
    img2img: list[str] = []


class Embeddings(Answer):
    loaded: dict[str, str] = {}
    skipped: dict[str, str] = {}


class Nothing(Answer):
    """An empty object."""
