"""Machine and models, described so that figures can be judged, and nobody be recognised."""

import os
import platform
import re
import subprocess
from pathlib import Path

import torch

from models_cache.catalog import Checkpoint
from models_cache.choice import Choice
from models_cache.cores import usable_cores


def describe_machine(device: torch.device) -> dict[str, object]:
    """No path, host or user name."""
    described: dict[str, object] = {
        "cpu": cpu_name(),
        "cores": usable_cores(),
        "memory_gib": memory_gib(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "torch": str(torch.__version__),
        "torch_threads": torch.get_num_threads(),
        "device": device.type,
    }
    if device.type == "cuda":
        described["gpu"] = torch.cuda.get_device_name(device)
    return described


def describe_models(choice: Choice) -> dict[str, str]:
    return {
        "captioner": public_name(choice.captioner.checkpoint),
        "generator": public_name(choice.generator.checkpoint),
    }


def public_name(checkpoint: Checkpoint) -> str:
    """Without the folder that it lies in: a hub id has a slash as well, and keeps it."""
    return checkpoint.name if checkpoint.repository else Path(checkpoint.name).name


def cpu_name() -> str:
    if platform.system() == "Darwin":
        command = ["sysctl", "-n", "machdep.cpu.brand_string"]
        return subprocess.run(command, capture_output=True, text=True).stdout.strip()
    file = Path("/proc/cpuinfo")
    text = file.read_text() if file.exists() else ""
    name = re.search(r"^model name\s*:\s*(.+)$", text, re.MULTILINE)
    return name[1].strip() if name else platform.machine()


def memory_gib() -> float:
    return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1)
