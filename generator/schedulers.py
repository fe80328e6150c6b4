"""The scheduler of a checkpoint, made and tried before any weight is loaded.  [torch]"""

import copy
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import diffusers
import torch

from generator.request import MAX_STEPS
from models_cache.checkpoint_file import read_json
from models_cache.layout import WrongCheckpoint


def make_scheduler(folder: Path, steps: int) -> Any:
    """Of an SDXL folder, tried for ``steps`` denoising steps. Raises WrongCheckpoint."""
    name = str(read_json(folder / "model_index.json")["scheduler"][1])
    try:
        scheduler = _class(name).from_pretrained(
            folder, subfolder="scheduler", local_files_only=True
        )
        _check_kind(name, scheduler.config)
        for count in (1, min(steps, most_steps(scheduler))):
            _try(scheduler, count)
    except WrongCheckpoint as error:
        raise WrongCheckpoint(f"{folder} cannot be served: {error}") from error
    except ImportError as error:  # of a library that only a few schedulers need
        library = re.search(r"the (\S+) library|install (\S+)", str(error))
        needed = (library[1] or library[2]) if library else "another library"
        raise WrongCheckpoint(
            f"{folder} cannot be served: its scheduler {name} needs {needed}, which is not"
            f" installed. To install it:\n    .venv/bin/python -m pip install {needed}"
        ) from error
    except Exception as error:  # whatever a config can make a scheduler raise
        raise WrongCheckpoint(
            f"{folder} cannot be served: its scheduler {name} does not work with this config"
            f" ({type(error).__name__}: {_first_line(error)}). Name another folder or hub id."
        ) from error
    return scheduler


def most_steps(scheduler: Any) -> int:
    """The most denoising steps that it can take: some have a table of timesteps from training."""
    config = scheduler.config
    tables = (config.get("original_inference_steps"), config.get("num_train_timesteps"))
    return int(min([MAX_STEPS, *filter(None, tables)]))


def _class(name: str) -> Any:
    kind = getattr(diffusers, name, None)
    _check_kind(name, {})
    if kind is None or not name.endswith("Scheduler"):
        raise WrongCheckpoint(
            f"diffusers {diffusers.__version__} has no scheduler {name}. Name another folder or"
            " hub id."
        )
    return kind


def _check_kind(name: str, config: Mapping[str, Any]) -> None:
    flows = config.get("use_flow_sigmas") or config.get("prediction_type") == "flow_prediction"
    if flows or name.startswith("Flow"):
        raise WrongCheckpoint(
            f"its scheduler {name} is for flow-matching models, and SDXL is none. Name another"
            " folder or hub id."
        )


def _try(scheduler: Any, steps: int) -> None:
    """Takes one step with almost nothing: some need a library, or a config, only then.

    On a copy, as some write into their own config.
    """
    scheduler = copy.deepcopy(scheduler)
    scheduler.set_timesteps(steps)
    timestep = scheduler.timesteps[0]
    latents = torch.ones(1, 4, 8, 8) * scheduler.init_noise_sigma
    scheduler.scale_model_input(latents, timestep)
    with torch.inference_mode():
        scheduler.step(torch.zeros(1, 4, 8, 8), timestep, latents, return_dict=False)


def _first_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
