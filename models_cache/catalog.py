"""The checkpoints we know: where they are published, what of them is needed, and their licence."""

from dataclasses import dataclass
from enum import Enum
from pathlib import Path


class Family(Enum):
    """Which of our two models a checkpoint can be."""

    BLIP = "BLIP"
    SDXL = "SDXL"


@dataclass(frozen=True, slots=True)
class File:
    """A file of a repository. ``size_bytes`` is None where it was never recorded."""

    path: str
    size_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """Published on the Hugging Face hub (``repository``) or lying in a ``folder``.

    ``revision`` is a commit; None is whatever ``main`` is. A relative ``folder`` is inside
    models_cache. ``include`` are the glob patterns of what to fetch; ``files`` is exactly what is
    needed, where that is known. ``guidance_scale`` means nothing for a captioner.
    """

    name: str
    family: Family
    repository: str | None = None
    revision: str | None = None
    folder: Path | None = None
    include: tuple[str, ...] = ()
    files: tuple[File, ...] = ()
    licence: str = "see its own page"
    is_demo: bool = False
    num_inference_steps: int = 30
    guidance_scale: float = 5.0

    @property
    def size_bytes(self) -> int | None:
        """What has to be fetched, as far as sizes are recorded; None where none is."""
        return sum(file.size_bytes or 0 for file in self.files) or None


BLIP_LARGE = Checkpoint(
    name="Salesforce/blip-image-captioning-large",
    family=Family.BLIP,
    repository="Salesforce/blip-image-captioning-large",
    revision="353689b859fcf0523410b1806dace5fb46ecdf41",
    include=("*.json", "vocab.txt", "model.safetensors"),
    files=(
        File("config.json"),
        File("preprocessor_config.json"),
        File("special_tokens_map.json"),
        File("tokenizer.json"),
        File("tokenizer_config.json"),
        File("vocab.txt"),
        File("model.safetensors", 1_879_014_680),
    ),
    licence="BSD-3-Clause",
)

SDXL_BASE = Checkpoint(
    name="stabilityai/stable-diffusion-xl-base-1.0",
    family=Family.SDXL,
    repository="stabilityai/stable-diffusion-xl-base-1.0",
    revision="462165984030d82259a11f4367a4eed129e94a7b",
    # The repository also holds other precisions, formats and single files of the same weights.
    include=(
        "*.json",
        "tokenizer*/merges.txt",
        "text_encoder*/*.fp16.safetensors",
        "unet/*.fp16.safetensors",
        "vae/*.fp16.safetensors",
    ),
    files=(
        File("model_index.json", 609),
        File("scheduler/scheduler_config.json", 479),
        File("text_encoder/config.json", 565),
        File("text_encoder/model.fp16.safetensors", 246_144_152),
        File("text_encoder_2/config.json", 575),
        File("text_encoder_2/model.fp16.safetensors", 1_389_382_176),
        File("tokenizer/merges.txt", 524_619),
        File("tokenizer/special_tokens_map.json", 472),
        File("tokenizer/tokenizer_config.json", 737),
        File("tokenizer/vocab.json", 1_059_962),
        File("tokenizer_2/merges.txt", 524_619),
        File("tokenizer_2/special_tokens_map.json", 460),
        File("tokenizer_2/tokenizer_config.json", 725),
        File("tokenizer_2/vocab.json", 1_059_962),
        File("unet/config.json", 1_680),
        File("unet/diffusion_pytorch_model.fp16.safetensors", 5_135_149_760),
        File("vae/config.json", 642),
        File("vae/diffusion_pytorch_model.fp16.safetensors", 167_335_342),
    ),
    licence="CreativeML Open RAIL++-M",
)

DEMO_CAPTIONER = Checkpoint(
    name="lookalike-demo-captioner",
    family=Family.BLIP,
    folder=Path("demo", "captioner"),
    licence="MIT",
    is_demo=True,
)

DEMO_GENERATOR = Checkpoint(
    name="lookalike-demo-generator",
    family=Family.SDXL,
    folder=Path("demo", "generator"),
    licence="MIT",
    is_demo=True,
    num_inference_steps=25,
    guidance_scale=3.0,
)

FULL = (BLIP_LARGE, SDXL_BASE)
DEMO = (DEMO_CAPTIONER, DEMO_GENERATOR)
KNOWN = FULL + DEMO
