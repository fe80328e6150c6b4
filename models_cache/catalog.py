"""The checkpoints we know: where they are published, what of them is needed, and their licence."""

from dataclasses import dataclass
from enum import Enum
from pathlib import Path


class Family(Enum):
    """Which of our two models a checkpoint can be."""

    BLIP = "BLIP"
    SDXL = "SDXL"


# What each does for us: the name of its flag, and how it is spoken of.
ROLES = {Family.BLIP: "captioner", Family.SDXL: "generator"}


@dataclass(frozen=True, slots=True)
class File:
    """A file of a repository. Its size and SHA-256 are None where they were never recorded."""

    path: str
    size_bytes: int | None = None
    sha256: str | None = None


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """Published on the Hugging Face hub (``repository``) or lying in a ``folder``.

    ``revision`` is a commit; None is what main was at the first download (models_cache.manifest).
    A relative ``folder`` is inside models_cache. ``files`` is exactly what is needed, where that is
    known. ``gpu_bytes`` is what its weights take there in half precision. ``guidance_scale``
    means nothing for a captioner.
    """

    name: str
    family: Family
    repository: str | None = None
    revision: str | None = None
    folder: Path | None = None
    files: tuple[File, ...] = ()
    licence: str = "see its own page"
    gpu_bytes: int | None = None
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
    gpu_bytes=892_580_984,
)

SDXL_BASE = Checkpoint(
    name="stabilityai/stable-diffusion-xl-base-1.0",
    family=Family.SDXL,
    repository="stabilityai/stable-diffusion-xl-base-1.0",
    revision="462165984030d82259a11f4367a4eed129e94a7b",
    # The repository also holds other precisions, formats and single files of the same weights.
    files=(
        File(
            "model_index.json",
            609,
            "6d7b93508390ab91ac5bfbe4aeb4dc2d83f7bb1b05fb069d714b5b0c75f70d44",
        ),
        File(
            "scheduler/scheduler_config.json",
            479,
            "af3e45a949aff8b8341ab8b811429ec03fee857a700a1d9477363e4fff9666e2",
        ),
        File(
            "text_encoder/config.json",
            565,
            "39b8b2e4b1949e36969caa425b6c81c68bace99198dd9078ce05d16ad401fe7f",
        ),
        File(
            "text_encoder/model.fp16.safetensors",
            246_144_152,
            "660c6f5b1abae9dc498ac2d21e1347d2abdb0cf6c0c0c8576cd796491d9a6cdd",
        ),
        File(
            "text_encoder_2/config.json",
            575,
            "a892d1c3a69a7e9247a24de2bc1d5891e3109a54696e53be20093af671072c34",
        ),
        File(
            "text_encoder_2/model.fp16.safetensors",
            1_389_382_176,
            "ec310df2af79c318e24d20511b601a591ca8cd4f1fce1d8dff822a356bcdb1f4",
        ),
        File(
            "tokenizer/merges.txt",
            524_619,
            "9fd691f7c8039210e0fced15865466c65820d09b63988b0174bfe25de299051a",
        ),
        File(
            "tokenizer/special_tokens_map.json",
            472,
            "c4864a9376a8401918425bed71fc14fc0e81f9b59ec45c1cf96cccb2df508eac",
        ),
        File(
            "tokenizer/tokenizer_config.json",
            737,
            "19d7b034cb0cc3ce9766c2231373ab8aa8991fc72e2c8f76558bfaae3de0d563",
        ),
        File(
            "tokenizer/vocab.json",
            1_059_962,
            "e089ad92ba36837a0d31433e555c8f45fe601ab5c221d4f607ded32d9f7a4349",
        ),
        File(
            "tokenizer_2/merges.txt",
            524_619,
            "9fd691f7c8039210e0fced15865466c65820d09b63988b0174bfe25de299051a",
        ),
        File(
            "tokenizer_2/special_tokens_map.json",
            460,
            "f118ab3a983206e4f32583448de6bd6aae4ee21869135cef1f5848a753cdaab6",
        ),
        File(
            "tokenizer_2/tokenizer_config.json",
            725,
            "c9d23941f76a41cbd50eda9290f57be7828f0a7a677939e9ef181f7e12bd1bdf",
        ),
        File(
            "tokenizer_2/vocab.json",
            1_059_962,
            "e089ad92ba36837a0d31433e555c8f45fe601ab5c221d4f607ded32d9f7a4349",
        ),
        File(
            "unet/config.json",
            1_680,
            "30ebc70750223e59006f7f2b4e1e6c102570aa19a9c4ae3e1fbe7591332dbae6",
        ),
        File(
            "unet/diffusion_pytorch_model.fp16.safetensors",
            5_135_149_760,
            "83e012a805b84c7ca28e5646747c90a243c65c8ba4f070e2d7ddc9d74661e139",
        ),
        File(
            "vae/config.json",
            642,
            "0b331c8ac22ded5f9997a144a575c1d113d6169aff262c353f39015bd24a6264",
        ),
        File(
            "vae/diffusion_pytorch_model.fp16.safetensors",
            167_335_342,
            "bcb60880a46b63dea58e9bc591abe15f8350bde47b405f9c38f4be70c6161e68",
        ),
    ),
    licence="CreativeML Open RAIL++-M",
    gpu_bytes=6_937_675_734,
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
    num_inference_steps=14,
    guidance_scale=2.0,
)

FULL = (BLIP_LARGE, SDXL_BASE)
DEMO = (DEMO_CAPTIONER, DEMO_GENERATOR)
KNOWN = FULL + DEMO
