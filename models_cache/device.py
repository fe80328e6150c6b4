"""Which device the models go to.  [torch]"""

import torch


class NoSuchDevice(Exception):
    """One sentence that names the device and those there are."""


def pick_device(name: str) -> torch.device:
    """``auto`` is the first CUDA device, or the CPU where there is none. Raises NoSuchDevice."""
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    known = ["cpu", *(f"cuda:{place}" for place in range(torch.cuda.device_count()))]
    if name not in known and (name != "cuda" or len(known) == 1):
        raise NoSuchDevice(f"--device {name}: this machine has {', '.join(known)}.")
    return torch.device(name)
