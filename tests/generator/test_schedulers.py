"""Schedulers are made and tried from their config alone."""

import json
from pathlib import Path

import pytest

from generator.model_info import SDXL_BASE
from generator.pipeline import model_info
from generator.request import InvalidRequest
from generator.schedulers import make_scheduler, most_steps
from models_cache.geometry import Geometry
from models_cache.layout import WrongCheckpoint

pytestmark = pytest.mark.tiny

CONFIG = json.loads(Path("models_cache/demo/generator/scheduler/scheduler_config.json").read_text())
STEPS = 30


def write(folder: Path, name: str, **config: object) -> Path:
    (folder / "scheduler").mkdir()
    (folder / "model_index.json").write_text(json.dumps({"scheduler": ["diffusers", name]}))
    text = json.dumps({**CONFIG, "_class_name": name, **config})
    (folder / "scheduler" / "scheduler_config.json").write_text(text)
    return folder


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
    folder = write(tmp_path, name, skip_prk_steps=True)  # PNDM's own way takes 4 steps at least
    assert type(make_scheduler(folder, STEPS)).__name__ == name


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
    folder = write(tmp_path, name, **config)
    with pytest.raises(WrongCheckpoint, match=f"^{folder} cannot be served: .*{why}") as refused:
        make_scheduler(folder, STEPS)
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
    with pytest.raises(WrongCheckpoint, match=f"needs {library}, which is not") as refused:
        make_scheduler(write(tmp_path, name, **config), STEPS)
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
    scheduler = make_scheduler(write(tmp_path, name, **config), STEPS)
    assert most_steps(scheduler) == most
    scheduler.set_timesteps(most)
    info = model_info(Geometry(8, 64, 64, 32), scheduler, "a turbo", SDXL_BASE)
    assert info.num_inference_steps == min(30, most)
    assert info.request("a tree", num_inference_steps=most).num_inference_steps == most
    with pytest.raises(InvalidRequest, match=f"a whole number from 1 to {most}, not") as refused:
        info.request("a tree", num_inference_steps=most + 1)
    assert refused.value.field == "num_inference_steps"
