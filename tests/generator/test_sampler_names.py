"""The names that image tools know schedulers by, from their own configs."""

import pytest

from generator.sampler_names import sampler_name

MULTISTEP = "DPMSolverMultistepScheduler"


@pytest.mark.parametrize(
    ("class_name", "config", "name"),
    [
        ("EulerDiscreteScheduler", {}, "Euler"),
        ("EulerDiscreteScheduler", {"use_karras_sigmas": True}, "Euler Karras"),
        ("EulerDiscreteScheduler", {"use_karras_sigmas": False}, "Euler"),
        ("EulerAncestralDiscreteScheduler", {}, "Euler a"),
        (MULTISTEP, {}, "DPM++ 2M"),
        (MULTISTEP, {"use_karras_sigmas": True}, "DPM++ 2M Karras"),
        (MULTISTEP, {"use_exponential_sigmas": True}, "DPM++ 2M Exponential"),
        (MULTISTEP, {"use_beta_sigmas": True}, "DPM++ 2M Beta"),
        (MULTISTEP, {"algorithm_type": "sde-dpmsolver++"}, "DPM++ 2M SDE"),
        (
            MULTISTEP,
            {"algorithm_type": "sde-dpmsolver++", "use_karras_sigmas": True, "solver_order": 2},
            "DPM++ 2M SDE Karras",
        ),
        (MULTISTEP, {"algorithm_type": "sde-dpmsolver++", "solver_order": 3}, "DPM++ 3M SDE"),
        (MULTISTEP, {"algorithm_type": "dpmsolver"}, "DPM 2M"),
        ("DPMSolverSDEScheduler", {"use_karras_sigmas": True}, "DPM++ SDE Karras"),
        ("KDPM2DiscreteScheduler", {}, "DPM2"),
        ("KDPM2AncestralDiscreteScheduler", {"use_karras_sigmas": True}, "DPM2 a Karras"),
        ("LMSDiscreteScheduler", {"use_karras_sigmas": True}, "LMS Karras"),
        ("PNDMScheduler", {"skip_prk_steps": True}, "PLMS"),
        ("DEISMultistepScheduler", {}, "DEISMultistep"),
    ],
)
def test_names_tell_solver_order_noise_and_spacing(class_name, config, name):
    assert sampler_name(class_name, config) == name
