"""Which device the models go to, and in which precision.  [torch]"""

from pathlib import Path

import torch

from models_cache.checkpoint_file import read_json
from models_cache.cores import usable_cores

AMPERE = (8, 0)  # the first CUDA compute capability with bfloat16


class NoSuchDevice(Exception):
    """One sentence that names the device and those there are."""


def pick_device(name: str) -> torch.device:
    """``auto`` is the first CUDA device, or the CPU where there is none. Raises NoSuchDevice.

    Computes from then on with no more threads than this process has cores.
    """
    fit_threads()
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    known = ["cpu", *(f"cuda:{place}" for place in range(torch.cuda.device_count()))]
    if name not in known and (name != "cuda" or len(known) == 1):
        raise NoSuchDevice(f"--device {name}: this machine has {', '.join(known)}.")
    return torch.device(name)


def fit_threads() -> None:
    """torch counts the machine's cores, of which a container may have a few.

    Threads that wait for one another take turns there: two with a quota of one core took twice as
    long as one.
    """
    torch.set_num_threads(min(torch.get_num_threads(), usable_cores()))


def dtype_on(device: torch.device) -> torch.dtype:
    """Half precision on CUDA, fp32 on a CPU."""
    return torch.float16 if device.type == "cuda" else torch.float32


def vae_dtype(folder: Path, device: torch.device) -> torch.dtype:
    """Of an SDXL folder: its VAE overflows in fp16 and says so; bf16 has fp32's range."""
    dtype = dtype_on(device)
    config = read_json(folder / "vae" / "config.json")
    if dtype is torch.float32 or not config.get("force_upcast", True):
        return dtype
    has_bf16 = torch.cuda.get_device_capability(device) >= AMPERE
    return torch.bfloat16 if has_bf16 else torch.float32
