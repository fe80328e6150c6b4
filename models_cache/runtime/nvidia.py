"""Why torch cannot use the NVIDIA GPU of this machine, and what its owner can do about it."""

import os
import re
import warnings
from dataclasses import dataclass
from pathlib import Path

import torch

# By the major version of CUDA that torch is built with: the oldest driver that it works with.
# https://docs.nvidia.com/cuda/cuda-toolkit-release-notes: CUDA 12 and 13 with minor compatibility.
OLDEST_DRIVERS = {12: 525, 13: 580}
OLDER_TORCH = (
    "start with scripts/serve --with cuda126, whose torch works with drivers from 525 on, on GPUs"
    " of compute capability 5.0 to 9.0"
)
NEWEST_OF_OLDER_TORCH = (9, 0)
PYPI_TORCH = (
    "install PyPI's torch, with .venv/bin/python -m pip install --force-reinstall"
    " -r requirements-cuda.txt"
)
DISPLAY = "0x03"  # the class of PCI devices that are or were made for displays
NVIDIA = "0x10de"

Capability = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Facts:
    """``driver`` is None if none is loaded. ``cuda`` is what torch is built with, None without.

    ``capability`` is None if torch finds no device; ``complaint`` says why, in torch's words.
    """

    has_gpu: bool
    driver: str | None
    torch: str
    cuda: str | None
    capability: Capability | None
    architectures: tuple[str, ...] = ()
    complaint: str = ""
    visible: str | None = None

    @classmethod
    def gather(cls, index: int = 0, root: Path = Path("/")) -> "Facts":
        """``root`` is where /proc and /sys are looked for."""
        capability, complaint = _ask_torch(index)
        return cls(
            has_gpu=_has_gpu(root),
            driver=_driver(root),
            torch=str(torch.__version__),
            cuda=torch.version.cuda,
            capability=capability,
            architectures=tuple(torch.cuda.get_arch_list()) if capability else (),
            complaint=complaint,
            visible=os.environ.get("CUDA_VISIBLE_DEVICES"),
        )

    @property
    def problem(self) -> str:
        """One sentence or two; empty if the GPU can be used, or if there is none."""
        if self.capability is not None:
            return self._unsupported(self.capability)
        if not self.has_gpu and self.driver is None:
            return ""
        return f"There is an NVIDIA GPU, but {self._absence()}."

    def _unsupported(self, capability: Capability) -> str:
        if not self.architectures or is_supported(capability, self.architectures):
            return ""
        major, minor = capability
        return (
            f"This GPU has compute capability {major}.{minor}, for which torch {self.torch} has no"
            f" code ({', '.join(self.architectures)}): {self._other_torch(capability)}."
        )

    def _other_torch(self, capability: Capability) -> str:
        is_new = capability > NEWEST_OF_OLDER_TORCH
        if is_new and self._cuda_version < 13:
            return f"install driver {OLDEST_DRIVERS[13]} or newer, and {PYPI_TORCH}"
        if is_new or self._cuda_version < 13:
            return "no torch of this version has"
        return OLDER_TORCH

    @property
    def _cuda_version(self) -> int:
        """The major one; 0 if torch is built without."""
        return int((self.cuda or "0").partition(".")[0])

    def _absence(self) -> str:
        if self.cuda is None:
            return f"this torch ({self.torch}) is built without CUDA: {PYPI_TORCH}"
        oldest = OLDEST_DRIVERS.get(self._cuda_version, 0)
        if self.driver is None:
            return f"no NVIDIA driver is loaded: install driver {oldest} or newer"
        if int(self.driver.partition(".")[0]) < oldest:
            older = f", or {OLDER_TORCH}" if self._cuda_version >= 13 else ""
            return (
                f"its driver {self.driver} is too old for torch {self.torch}, which needs"
                f" {oldest} or newer: install a newer driver{older}"
            )
        if self.visible is not None:
            return f"CUDA_VISIBLE_DEVICES={self.visible} hides it: unset it to use the GPU"
        return f"torch cannot use it: {self.complaint or 'it does not say why'}"


def problem(index: int = 0) -> str:
    """What keeps torch from this machine's NVIDIA GPU; empty if nothing does, or there is none."""
    return Facts.gather(index).problem


def is_supported(capability: Capability, architectures: tuple[str, ...]) -> bool:
    """Whether code for one of ``architectures``, such as "sm_86", runs on a device.

    Binary code ("sm") runs on later minor versions, and PTX ("compute") on all later devices.
    """
    for kind, major, minor in re.findall(r"(sm|compute)_(\d+)(\d)", " ".join(architectures)):
        built = int(major), int(minor)
        if built <= capability and (kind == "compute" or built[0] == capability[0]):
            return True
    return False


def _ask_torch(index: int) -> tuple[Capability | None, str]:
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        try:
            if torch.cuda.device_count() > index:
                return torch.cuda.get_device_capability(index), ""
            torch.cuda.init()
        except (AssertionError, RuntimeError) as error:  # a CPU build; anything of CUDA's
            return None, str(error).partition("\n")[0].rstrip(".")
    return None, str(said[0].message).partition("\n")[0].rstrip(".") if said else ""


def _has_gpu(root: Path) -> bool:
    """Whether a display device of NVIDIA's is on the PCI bus, or WSL hands one over."""
    for device in (root / "sys/bus/pci/devices").glob("*"):
        if _text(device / "vendor") == NVIDIA and _text(device / "class").startswith(DISPLAY):
            return True
    return (root / "usr/lib/wsl/lib/libcuda.so.1").exists()


def _driver(root: Path) -> str | None:
    """The version of the kernel's NVIDIA driver."""
    version = _text(root / "sys/module/nvidia/version")
    if version[:1].isdigit():
        return version
    told = _text(root / "proc/driver/nvidia/version")
    named = re.search(r"Kernel Module\s+(?:for \w+\s+)?(\d[\d.]*)", told)
    return named[1] if named else None


def _text(file: Path) -> str:
    try:
        return file.read_text("utf-8", "replace").strip()
    except OSError:
        return ""
