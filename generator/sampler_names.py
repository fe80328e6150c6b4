"""The names that image tools give diffusers' schedulers, as they write them beside an image.

They are the names of AUTOMATIC1111's web UI; the class's own if it has no such sampler.
"""

from collections.abc import Mapping
from typing import Any

NAMES = {
    "DDIMScheduler": "DDIM",
    "DPMSolverMultistepScheduler": "DPM++ 2M",
    "DPMSolverSDEScheduler": "DPM++ SDE",
    "EulerAncestralDiscreteScheduler": "Euler a",
    "EulerDiscreteScheduler": "Euler",
    "HeunDiscreteScheduler": "Heun",
    "KDPM2AncestralDiscreteScheduler": "DPM2 a",
    "KDPM2DiscreteScheduler": "DPM2",
    "LCMScheduler": "LCM",
    "LMSDiscreteScheduler": "LMS",
    "PNDMScheduler": "PLMS",
    "UniPCMultistepScheduler": "UniPC",
}
# By the switch in the config; at most one of them is on.
SPACINGS = {
    "use_karras_sigmas": "Karras",
    "use_exponential_sigmas": "Exponential",
    "use_beta_sigmas": "Beta",
}


def sampler_name(class_name: str, config: Mapping[str, Any]) -> str:
    """The name of a scheduler by its class and config: "DPM++ 2M SDE Karras"."""
    name = NAMES.get(class_name, class_name.removesuffix("Scheduler"))
    if class_name == "DPMSolverMultistepScheduler":
        name = _multistep(config)
    spacing = [word for switch, word in SPACINGS.items() if config.get(switch)]
    return " ".join([name, *spacing])


def _multistep(config: Mapping[str, Any]) -> str:
    """Says the family of solver, its order, and whether noise is added at each step."""
    algorithm = str(config.get("algorithm_type", "dpmsolver++"))
    family = "DPM++" if algorithm.endswith("++") else "DPM"
    noisy = " SDE" if algorithm.startswith("sde-") else ""
    return f"{family} {config.get('solver_order', 2)}M{noisy}"
