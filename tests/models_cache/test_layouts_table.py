"""docs/models.md says of each layout what we do, what the libraries do, and is made here.

``LOOKALIKE_WRITE_DOCS=1 scripts/test tests/models_cache/test_layouts_table.py`` writes it anew.
"""

import os
import shutil
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import StableDiffusionXLPipeline
from layouts import LAYOUTS, Layout
from PIL import Image
from transformers import BlipForConditionalGeneration

import captioner.blip
import generator.pipeline
from captioner.blip import Blip
from generator.pipeline import read_model_info
from generator.sdxl import SDXL
from models_cache.advice import CheckpointError
from models_cache.catalog import Checkpoint, Family
from models_cache.local_checkpoint import LocalCheckpoint
from models_cache.runtime.gpu_fit import Placement
from models_cache.runtime.tensors import check_weights
from scripts.random_checkpoints import checkpoint
from scripts.random_checkpoints.sizes import SIZES

pytestmark = [pytest.mark.tiny, pytest.mark.slow]

DOC = Path("docs/models.md")
BEGIN, END = "<!-- layouts -->\n", "<!-- end of layouts -->\n"
CPU = Placement(torch.device("cpu"))
REQUEST = {"num_inference_steps": 2, "guidance_scale": 3.0, "seed": 5}
PICTURE = Image.linear_gradient("L").convert("RGB")
WORKS = "works"


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> dict[Family, Path]:
    root = tmp_path_factory.mktemp("published")
    made = {Family.BLIP: checkpoint.captioner, Family.SDXL: checkpoint.generator}
    for family, make in made.items():
        list(make(SIZES["tiny"]).write(root / family.value, seed=0))
    return {family: root / family.value for family in made}


@pytest.fixture(scope="module")
def rows() -> dict[Layout, tuple[str, str]]:
    return {}


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: layout.name)
def test_what_works_here_works_as_in_the_libraries(tmp_path, published, rows, layout):
    """And what is refused here is no loss: there it fails, or paints from random numbers."""
    folder = tmp_path / "FOLDER"
    shutil.copytree(published[layout.family], folder)
    layout.change(folder)
    ours, mine = attempt(lambda: run_ours(layout.family, folder))
    theirs, plain = attempt(lambda: run_libraries(layout.family, folder))
    rows[layout] = (spoken(ours, folder), spoken(theirs, folder, brief=True))
    if ours == theirs == WORKS:
        assert np.abs(mine - plain).max() <= 1


def attempt(run: Any) -> tuple[str, Any]:
    with warnings.catch_warnings(action="ignore"):
        try:
            return WORKS, run()
        except CheckpointError as error:
            return str(error), None
        except Exception as error:  # whatever a library raises is its answer
            return f"{type(error).__name__}: {error}", None


def run_ours(family: Family, folder: Path) -> Any:
    known = Checkpoint("a checkpoint", family, folder=folder, num_inference_steps=2)
    checkpoint = LocalCheckpoint.open(known, folder)
    if family is Family.BLIP:
        check_weights(checkpoint, captioner.blip.COMPONENTS)
        return pixels_of(Blip.load(checkpoint, CPU).model)
    info = read_model_info(checkpoint)
    check_weights(checkpoint, generator.pipeline.COMPONENTS)
    sdxl = SDXL.load(checkpoint, CPU)
    [sample] = sdxl.prepare([info.request("a red house", **REQUEST)])
    while not sample.is_denoised:
        assert sdxl.denoise([sample]) == {}
    return np.asarray(sdxl.decode([sample])[0], dtype=int)


def run_libraries(family: Family, folder: Path) -> Any:
    """Twice: what is filled in differs, be it drawn, or memory left as it lay (then NaN)."""
    torch.use_deterministic_algorithms(True, warn_only=True)  # fills fresh memory with NaN
    try:
        first, second = (load_plainly(family, folder) for _ in range(2))
    finally:
        torch.use_deterministic_algorithms(False)
    if first[0] != second[0]:  # nor does NaN equal NaN
        raise RandomNumbers("fills in random numbers")
    return first[1]


def weights_sum(*models: torch.nn.Module) -> float:
    """What shows another number anywhere, however little of it an image does."""
    every = [value for model in models for value in model.parameters()]
    return sum(float(value.double().abs().sum()) for value in every)


class RandomNumbers(Exception):
    pass


def load_plainly(family: Family, folder: Path) -> Any:
    options = {"local_files_only": True, "use_safetensors": True, "variant": variant(folder)}
    if family is Family.BLIP:
        model = BlipForConditionalGeneration.from_pretrained(folder, **options).float()
        return weights_sum(model), pixels_of(model)
    pipeline = StableDiffusionXLPipeline.from_pretrained(folder, dtype=torch.float32, **options)
    pipeline.set_progress_bar_config(disable=True)
    side = 64
    [image] = pipeline(
        "a red house",
        num_inference_steps=2,
        guidance_scale=3.0,
        width=side,
        height=side,
        generator=torch.Generator("cpu").manual_seed(5),
    ).images
    models = pipeline.unet, pipeline.vae, pipeline.text_encoder, pipeline.text_encoder_2
    return weights_sum(*models), np.asarray(image, dtype=int)


def variant(folder: Path) -> str | None:
    """What a user of the libraries would ask for after a look at the folder."""
    names = [path.name for path in folder.rglob("*") if "non_ema" not in path.name]
    return next((each for each in ("fp16", "bf16") if any(f".{each}." in n for n in names)), None)


def pixels_of(model: BlipForConditionalGeneration) -> Any:
    """What the captioner's head says of the first word, in steps of a thousandth."""
    side = model.config.vision_config.image_size
    pixels = torch.linspace(-1, 1, 3 * side * side).view(1, 3, side, side)
    with torch.inference_mode():
        words = model(pixel_values=pixels, input_ids=torch.tensor([[1, 2]])).logits
    return (words * 1000).round().int().numpy()


def spoken(outcome: str, folder: Path, brief: bool = False) -> str:
    """For a cell of the table; libraries in their own class of error alone."""
    if brief and outcome != WORKS:
        return "fails, or fills in random numbers"  # which of them is chance
    text = outcome.replace(f"{folder}/", "").replace(str(folder), "FOLDER")
    first = " ".join(line.strip() for line in text.splitlines())
    return first.replace("|", "\\|")


def test_the_page_says_what_was_found(rows):
    if len(rows) < len(LAYOUTS):
        pytest.skip("the table needs all of its rows: run the whole module")
    sections = []
    for family, title in ((Family.SDXL, "SDXL"), (Family.BLIP, "BLIP")):
        cells = [(layout.name, *rows[layout]) for layout in LAYOUTS if layout.family is family]
        library = "diffusers" if family is Family.SDXL else "transformers"
        lines = [("layout", "here", f"in {library}"), ("---",) * 3, *cells]
        rows_of_text = "\n".join(f"| {' | '.join(line)} |" for line in lines)
        sections.append(f"### {title}\n\n{rows_of_text}")
    made = BEGIN + "\n" + "\n\n".join(sections) + "\n\n" + END
    page = DOC.read_text()
    begin, end = page.index(BEGIN), page.index(END) + len(END)
    if os.environ.get("LOOKALIKE_WRITE_DOCS"):
        DOC.write_text(page[:begin] + made + page[end:])
    else:
        assert page[begin:end] == made
