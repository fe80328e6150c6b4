"""Schedulers are made and tried from their config alone."""

import json
from pathlib import Path

import pytest
from checkpoints import unchecked

from generator.pipeline import read_model_info
from generator.request import InvalidRequest
from generator.schedulers import make_scheduler, most_steps
from models_cache.advice import CheckpointError
from models_cache.catalog import Family
from models_cache.local_checkpoint import LocalCheckpoint

pytestmark = pytest.mark.tiny

VAE = {"block_out_channels": [32, 64, 64, 64], "sample_size": 64}
CONFIG = json.loads(Path("models_cache/demo/generator/scheduler/scheduler_config.json").read_text())


def write(folder: Path, name: str, **config: object) -> LocalCheckpoint:
    (folder / "scheduler").mkdir()
    (folder / "model_index.json").write_text(json.dumps({"scheduler": ["diffusers", name]}))
    text = json.dumps({**CONFIG, "_class_name": name, **config})
    (folder / "scheduler" / "scheduler_config.json").write_text(text)
    for part, sizes in (("unet", {"sample_size": 8}), ("vae", VAE)):
        (folder / part).mkdir()
        (folder / part / "config.json").write_text(json.dumps(sizes))
    return unchecked(folder, Family.SDXL)


@pytest.mark.parametrize(
    "name",
    [
        "DDIMScheduler",
        "DDPMScheduler",
        "DEISMultistepScheduler",
        "DPMSolverMultistepScheduler",
        "DPMSolverSinglestepScheduler",
        "EulerAncestralDiscreteScheduler",
        "EulerDiscreteScheduler",
        "HeunDiscreteScheduler",
        "KDPM2AncestralDiscreteScheduler",
        "KDPM2DiscreteScheduler",
        "LCMScheduler",
        "PNDMScheduler",
        "SASolverScheduler",
        "TCDScheduler",
        "UniPCMultistepScheduler",
    ],
)
def test_what_paints_with_sdxl_is_made(tmp_path, name):
    checkpoint = write(tmp_path, name, skip_prk_steps=True)  # PNDM's own way takes 4 steps at least
    assert type(make_scheduler(checkpoint)).__name__ == name


@pytest.mark.parametrize(
    ("name", "config", "why"),
    [
        ("NoSuchScheduler", {}, "has no scheduler NoSuchScheduler"),
        ("AutoencoderKL", {}, "has no scheduler AutoencoderKL"),
        ("FlowMatchEulerDiscreteScheduler", {}, "is for flow-matching models, and SDXL is none"),
        ("UniPCMultistepScheduler", {"use_flow_sigmas": True}, "is for flow-matching models"),
        ("DDIMScheduler", {"beta_schedule": "steep"}, "does not work with this config"),
        ("AmusedScheduler", {}, "does not work with this config"),
        ("PNDMScheduler", {"skip_prk_steps": False}, "does not work with this config"),
        ("EDMEulerScheduler", {"sigma_min": "small"}, "does not work with this config"),
    ],
)
def test_what_does_not_is_refused_in_one_sentence(tmp_path, name, config, why):
    checkpoint = write(tmp_path, name, **config)
    with pytest.raises(CheckpointError, match=f"^{tmp_path} cannot be served: .*{why}") as refused:
        make_scheduler(checkpoint)
    assert "\n" not in str(refused.value)
    assert str(refused.value).endswith("Name another folder or hub id.")


@pytest.mark.parametrize(
    ("name", "config", "library"),
    [
        ("DPMSolverSDEScheduler", {}, "torchsde"),
        ("CosineDPMSolverMultistepScheduler", {}, "torchsde"),
        ("LMSDiscreteScheduler", {}, "scipy"),
        ("EulerDiscreteScheduler", {"use_beta_sigmas": True}, "scipy"),
    ],
)
def test_a_library_that_is_missing_is_named_with_how_to_get_it(tmp_path, name, config, library):
    try:
        __import__(library)
    except ImportError:
        pass
    else:
        pytest.skip(f"{library} is installed")
    with pytest.raises(CheckpointError, match=f"needs {library}, which is not") as refused:
        make_scheduler(write(tmp_path, name, **config))
    assert str(refused.value).endswith(f".venv/bin/python -m pip install {library}")


@pytest.mark.parametrize(
    ("name", "config", "most"),
    [
        ("LCMScheduler", {}, 50),
        ("LCMScheduler", {"original_inference_steps": 20}, 20),
        ("TCDScheduler", {}, 50),
        ("EulerDiscreteScheduler", {}, 200),
        ("DDIMScheduler", {"num_train_timesteps": 100}, 100),
    ],
)
def test_no_more_steps_are_offered_than_the_scheduler_can_take(tmp_path, name, config, most):
    checkpoint = write(tmp_path, name, **config)
    scheduler = make_scheduler(checkpoint)
    assert most_steps(scheduler) == most
    scheduler.set_timesteps(most)
    info = read_model_info(checkpoint)
    assert info.num_inference_steps == min(30, most)
    assert info.request("a tree", num_inference_steps=most).num_inference_steps == most
    with pytest.raises(InvalidRequest, match=f"a whole number from 1 to {most}, not") as refused:
        info.request("a tree", num_inference_steps=most + 1)
    assert refused.value.field == "num_inference_steps"
