"""The checkpoints we know: where they are published, what of them is needed, and their licence."""

import json
from dataclasses import dataclass
from enum import Enum
from pathlib import Path


class Family(Enum):
    """The two kinds of model that a checkpoint can be."""

    BLIP = "BLIP"
    SDXL = "SDXL"


# What each does for us: the name of its flag, and how it is spoken of.
ROLES = {Family.BLIP: "captioner", Family.SDXL: "generator"}


@dataclass(frozen=True, slots=True)
class File:
    """A file of a repository. Its size and SHA-256 are None if they were never recorded."""

    path: str
    size_bytes: int | None = None
    sha256: str | None = None


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """Published on the Hugging Face hub (``repository``) or lying in a ``folder``.

    ``revision`` is a commit; None means main as it was at the first download, which is recorded. A
    relative ``folder`` is inside models_cache. ``files`` are exactly those that are needed, if
    that is known. ``gpu_bytes`` is what its weights take there in half precision.
    ``num_inference_steps`` and ``guidance_scale`` are for requests that do not say, and
    ``sizes`` are the widths and heights in pixels that it has learnt, from the tallest to the
    widest, if it paints others badly; they mean nothing for a captioner.
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
    sizes: tuple[tuple[int, int], ...] = ()

    @property
    def size_bytes(self) -> int | None:
        """The size of all files together, as far as sizes are recorded; None if none is."""
        return sum(file.size_bytes or 0 for file in self.files) or None


# The repositories also hold other precisions, formats and single files of the same weights.
FILES = {
    name: tuple(File(**file) for file in files)
    for name, files in json.loads(Path(__file__).with_suffix(".json").read_text("utf-8")).items()
}

BLIP_LARGE = Checkpoint(
    name="Salesforce/blip-image-captioning-large",
    family=Family.BLIP,
    repository="Salesforce/blip-image-captioning-large",
    revision="353689b859fcf0523410b1806dace5fb46ecdf41",
    files=FILES["Salesforce/blip-image-captioning-large"],
    licence="BSD-3-Clause",
    gpu_bytes=892_580_984,
)

SDXL_BASE = Checkpoint(
    name="stabilityai/stable-diffusion-xl-base-1.0",
    family=Family.SDXL,
    repository="stabilityai/stable-diffusion-xl-base-1.0",
    revision="462165984030d82259a11f4367a4eed129e94a7b",
    files=FILES["stabilityai/stable-diffusion-xl-base-1.0"],
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
    sizes=((104, 152), (128, 128), (152, 104)),
)

FULL = (BLIP_LARGE, SDXL_BASE)
DEMO = (DEMO_CAPTIONER, DEMO_GENERATOR)
KNOWN = FULL + DEMO


def in_words(size_bytes: int) -> str:
    """A size in decimal units, as disks are sold: 6_941_187_536 is "6.9 GB"."""
    for factor, unit in ((10**9, "GB"), (10**6, "MB"), (10**3, "kB")):
        if size_bytes >= factor:
            return f"{size_bytes / factor:.1f} {unit}"
    return f"{size_bytes} bytes"
