"""The README of a trained checkpoint: what it is, and the figures of the run that made it."""

import platform
from pathlib import Path

import torch

from scripts.demo_models.run import Run

JUDGED = "\n## Judged\n"
TITLES = {
    "captioner": "Lookalike demo captioner",
    "generator": "Lookalike demo generator",
}
BODIES = {
    "captioner": (
        "A small `BlipForConditionalGeneration` with its own vocabulary and processor. It names"
        " what a scene drawn by `scripts/demo_models` shows, and knows nothing of photographs;"
        " `familiarity.safetensors` tells which pictures are such scenes."
    ),
    "generator": (
        "A small but complete `StableDiffusionXLPipeline`: two text encoders and tokenizers,"
        " `text_time` conditioning, `AutoencoderKL`, `EulerDiscreteScheduler` (v prediction). It"
        " draws scenes of 128x128, 152x104 and 104x152 in the words of"
        " `scripts/demo_models/scenes.py`, and nothing else."
    ),
}


def record(
    folder: Path, figures: list[tuple[str, str]], num_inference_steps: int, guidance_scale: float
) -> None:
    """Writes the judges' figures into the card, in place of older figures."""
    card = folder / "README.md"
    made, _, _ = card.read_text(encoding="utf-8").partition(JUDGED)
    rows = "".join(f"| {what} | {verdict} |\n" for what, verdict in figures)
    card.write_text(
        f"{made}{JUDGED}\n`scripts/evaluate_demo`, on scenes whose combinations of colour, thing"
        f" and setting were held out of training;\nimages of {num_inference_steps} steps at"
        f" guidance {guidance_scale:g}:\n\n| what | right |\n|---|---|\n{rows}",
        encoding="utf-8",
    )


def write(folder: Path, runs: list[Run]) -> None:
    """Writes ``README.md`` beside the weights."""
    rows = "\n".join(_row(run) for run in runs)
    (folder / "README.md").write_text(
        f"# {TITLES[folder.name]}\n\n{BODIES[folder.name]}\n\n"
        "Trained from random weights on scenes that our own code draws; MIT licence, as the rest\n"
        "of this repository. `scripts/train_demo` repeats it; `scripts/evaluate_demo` judges it."
        "\n\n"
        "| part | parameters | steps | batch | learning rate | seed | loss, last 100 | minutes"
        " |\n|---|---|---|---|---|---|---|---|\n"
        f"{rows}\n\n"
        f"Machine: {_machine(runs[0].device)}, torch {torch.__version__}, bfloat16 autocast,"
        " averaged weights saved in half precision.\n",
        encoding="utf-8",
    )


def _row(run: Run) -> str:
    parameters = sum(parameter.numel() for parameter in run.model.parameters()) / 1e6
    last = run.losses[-100:]
    cells = (
        run.name,
        f"{parameters:.1f} M",
        len(run.losses),
        run.batch,
        f"{run.learning_rate:g}",
        run.seed,
        f"{sum(last) / len(last):.4f}",
        f"{run.seconds / 60:.0f}",
    )
    return f"| {' | '.join(map(str, cells))} |"


def _machine(device: torch.device) -> str:
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"{platform.machine()} CPU, {torch.get_num_threads()} threads"
