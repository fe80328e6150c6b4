"""The scheduler of a checkpoint, made and tried before any weight is loaded."""

import copy
import re
from collections.abc import Mapping
from typing import Any

import diffusers
import torch

from generator.request import MAX_STEPS
from models_cache.advice import CheckpointError, first_line
from models_cache.local_checkpoint import LocalCheckpoint
from models_cache.whole import read_json


def make_scheduler(checkpoint: LocalCheckpoint) -> Any:
    """The scheduler, tried for one step and for the default number. Raises CheckpointError."""
    name = str(read_json(checkpoint.folder / "model_index.json")["scheduler"][1])
    try:
        if problem := _why_not(name):
            raise checkpoint.unsuitable(problem)
        scheduler = getattr(diffusers, name).from_pretrained(
            checkpoint.folder, subfolder="scheduler", local_files_only=True
        )
        if problem := _why_not(name, scheduler.config):
            raise checkpoint.unsuitable(problem)
        for count in (1, min(checkpoint.known.num_inference_steps, most_steps(scheduler))):
            _try(scheduler, count)
    except CheckpointError:
        raise
    except ImportError as error:  # of a library that only a few schedulers need
        library = re.search(r"the (\S+) library|install (\S+)", str(error))
        needed = (library[1] or library[2]) if library else "another library"
        raise checkpoint.unsuitable(
            f"its scheduler {name} needs {needed}, which is not installed",
            f"To install it:\n    .venv/bin/python -m pip install {needed}",
        ) from error
    except Exception as error:  # a config can make a scheduler raise anything
        raise checkpoint.unsuitable(
            f"its scheduler {name} does not work with this config"
            f" ({type(error).__name__}: {first_line(error)})"
        ) from error
    return scheduler


def most_steps(scheduler: Any) -> int:
    """The most denoising steps that it can take: some have a table of timesteps from training."""
    config = scheduler.config
    tables = (config.get("original_inference_steps"), config.get("num_train_timesteps"))
    return int(min([MAX_STEPS, *filter(None, tables)]))


def _why_not(name: str, config: Mapping[str, Any] | None = None) -> str | None:
    """Says why a scheduler class, or one with this config, is not for SDXL; None if it is."""
    flow = config and config.get("prediction_type") == "flow_prediction"
    if flow or (config and config.get("use_flow_sigmas")) or name.startswith("Flow"):
        return f"its scheduler {name} is for flow-matching models, and SDXL is none"
    if not hasattr(diffusers, name) or not name.endswith("Scheduler"):
        return f"diffusers {diffusers.__version__} has no scheduler {name}"
    return None


def _try(scheduler: Any, steps: int) -> None:
    """Takes one step with almost nothing: some schedulers need a library, or a config, only then.

    Uses a copy, as some write into their own config.
    """
    scheduler = copy.deepcopy(scheduler)
    scheduler.set_timesteps(steps)
    timestep = scheduler.timesteps[0]
    latents = torch.ones(1, 4, 8, 8) * scheduler.init_noise_sigma
    scheduler.scale_model_input(latents, timestep)
    with torch.inference_mode():
        scheduler.step(torch.zeros(1, 4, 8, 8), timestep, latents, return_dict=False)
