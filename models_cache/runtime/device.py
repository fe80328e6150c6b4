"""The device that models are on: which one, its cores, precision and memory."""

import gc
import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from functools import wraps
from pathlib import Path, PurePosixPath
from typing import Concatenate, ParamSpec, Protocol, TypeVar

import torch

from models_cache.advice import CannotStart
from models_cache.flags import Precision
from models_cache.local_checkpoint import LocalCheckpoint
from models_cache.runtime import nvidia
from models_cache.runtime.cuda_graph import CAPTURING, kept_by_graphs
from models_cache.runtime.model_thread import DeviceLost

AMPERE = (8, 0)  # the first CUDA compute capability with bfloat16
DTYPES = {
    Precision.FP32: torch.float32,
    Precision.FP16: torch.float16,
    Precision.BF16: torch.bfloat16,
}
# Of a CPU that computes in bfloat16; others imitate it, and take 20 times as long as in fp32.
BFLOAT16 = ("avx512_bf16", "amx_bf16", "bf16")
MEMINFO = Path("/proc/meminfo")
# Where there is no exception class for it: a CPU's allocator, CUDA itself, its driver (of segments
# that grow), cuBLAS and cuDNN.
OUT_OF_MEMORY = (
    "can't allocate memory",
    "CUDA error: out of memory",
    "CUDA driver error: out of memory",
    "STATUS_ALLOC_FAILED",
)
# What cuBLAS and cuDNN say of a full device, and of other things too.
PERHAPS_OUT_OF_MEMORY = (
    "CUBLAS_STATUS_NOT_INITIALIZED",
    "CUDNN_STATUS_INTERNAL_ERROR",
    "unable to find an engine",
)
NEARLY_FULL = 200_000_000  # bytes that are free


class OnDevice(Protocol):
    """A model. ``device_lock`` is held while it computes; models on one device share it."""

    @property
    def device_lock(self) -> AbstractContextManager[object]: ...


Model = TypeVar("Model", bound=OnDevice)
Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")


class OutOfMemory(MemoryError):
    """The device had no room. All that the failed call had taken is free again."""


def on_device(
    method: Callable[Concatenate[Model, Parameters], Result],
) -> Callable[Concatenate[Model, Parameters], Result]:
    """Makes a model's method hold the device's lock, and raise OutOfMemory if memory runs out.

    Raises DeviceLost if CUDA fails for good.
    """

    @wraps(method)
    def locked(model: Model, /, *args: Parameters.args, **options: Parameters.kwargs) -> Result:
        with model.device_lock:
            try:
                return naming_out_of_memory(lambda: method(model, *args, **options))
            except torch.AcceleratorError as error:
                raise_if_lost(error)
                raise

    return locked


def raise_if_lost(error: torch.AcceleratorError) -> None:
    """Raises DeviceLost if CUDA answers no more: after some errors every later call fails too."""
    try:
        with CAPTURING:  # which it would end, and fail for that alone
            torch.cuda.synchronize()
    except RuntimeError as later:
        raise DeviceLost(str(error)) from later


def naming_out_of_memory(call: Callable[[], Result]) -> Result:
    """Returns what ``call`` does. Raises OutOfMemory if memory ran out, or what else it raises."""
    try:
        return call()
    except RuntimeError as error:  # torch.OutOfMemoryError is one
        if not isinstance(error, torch.OutOfMemoryError) and not _is_out_of_memory(str(error)):
            raise
        reason = str(error)
    # Out here, since the traceback of an exception that is being handled holds the tensors of
    # every frame that it went through, and none of them could be freed.
    free()
    raise OutOfMemory(reason)


def _is_out_of_memory(said: str) -> bool:
    if any(words in said for words in OUT_OF_MEMORY):
        return True
    if not any(words in said for words in PERHAPS_OUT_OF_MEMORY):
        return False
    return (free_bytes(torch.device("cuda")) or 0) < NEARLY_FULL


def free() -> None:
    """Gives back memory that no tensor uses any more."""
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def wait_for_launched() -> None:
    """Waits for what this thread has launched: memory that it still uses must not be given back."""
    if torch.cuda.is_available():
        torch.cuda.current_stream().synchronize()


def free_bytes(device: torch.device) -> int | None:
    """The memory that could be allocated now; None if the system does not tell."""
    if device.type == "cuda":
        held = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
        return int(torch.cuda.mem_get_info(device)[0] + held - kept_by_graphs(device))
    if not MEMINFO.exists():
        return None
    fields = dict(line.split(":") for line in MEMINFO.read_text().splitlines())
    return 1024 * int(fields["MemAvailable"].split()[0])


def pick_device(name: str) -> torch.device:
    """``auto`` is the first CUDA device, or the CPU if none can be used. Raises CannotStart.

    Computes from then on with no more threads than this process has cores: torch counts the
    machine's, of which a container may have a few. Two threads with a quota of one core took twice
    as long as one.
    """
    torch.set_num_threads(min(torch.get_num_threads(), usable_cores()))
    if name == "auto":
        is_usable = torch.cuda.is_available() and not nvidia.problem()
        return torch.device("cuda" if is_usable else "cpu")
    known = ["cpu", *(f"cuda:{index}" for index in range(torch.cuda.device_count()))]
    if name not in known and (name != "cuda" or len(known) == 1):
        raise CannotStart(f"--device {name}: this machine has {', '.join(known)}", nvidia.problem())
    device = torch.device(name)
    if device.type == "cuda" and (problem := nvidia.problem(device.index or 0)):
        raise CannotStart(f"--device {name} cannot be used", problem)
    return device


def use_device(device: torch.device) -> None:
    """For each thread that owns a model, first: libraries ask for the thread's current device.

    Without it, pinning memory for a second GPU makes a context on the first, of some 400 MB.
    """
    if device.type == "cuda":
        torch.cuda.set_device(device)


def use_own_stream(device: torch.device) -> None:
    """For a model's thread, before it loads: its kernels then wait for no other model's.

    Of high priority, as a caption is short and an image is long: on one stream a caption waited
    for a whole step of the painter each time that it asked for a token.
    """
    if device.type == "cuda":
        torch.cuda.set_stream(torch.cuda.Stream(device, priority=-1))


def choose_dtype(asked: Precision, device: torch.device, is_demo: bool) -> torch.dtype:
    """``auto`` is the fastest that is exact enough. Raises CannotStart.

    The demo models stay in fp32 on a CPU: they are small, and were judged in it.
    """
    if asked is Precision.AUTO:
        is_half = device.type == "cpu" and not is_demo and has_bfloat16(device)
        return torch.bfloat16 if is_half else dtype_on(device)
    if asked is Precision.FP16 and device.type == "cpu":
        raise CannotStart("--dtype fp16 is for CUDA devices", "Use fp32 or bf16 on a CPU.")
    if asked is Precision.BF16 and device.type == "cuda" and not has_bfloat16(device):
        raise CannotStart(
            "--dtype bf16 needs a GPU of compute capability 8.0 or more", "Use fp16 or fp32."
        )
    return DTYPES[asked]


def dtype_on(device: torch.device) -> torch.dtype:
    """Half precision on CUDA, fp32 on a CPU."""
    return torch.float16 if device.type == "cuda" else torch.float32


def has_bfloat16(device: torch.device) -> bool:
    """Whether the device computes in it."""
    if device.type == "cuda":
        return bool(torch.cuda.get_device_capability(device) >= AMPERE)
    capabilities = torch.cpu.get_capabilities() if hasattr(torch.cpu, "get_capabilities") else {}
    return any(capabilities.get(name) for name in BFLOAT16)


def vae_dtype(
    checkpoint: LocalCheckpoint, device: torch.device, dtype: torch.dtype | None = None
) -> torch.dtype:
    """The precision of SDXL's VAE, where the other parts are in ``dtype`` (that of the device).

    ``force_upcast`` says that it overflows in fp16, not in bf16.
    """
    dtype = dtype or dtype_on(device)
    if dtype is not torch.float16 or not checkpoint.config("vae").get("force_upcast", True):
        return dtype
    return torch.bfloat16 if has_bfloat16(device) else torch.float32


def usable_cores(root: Path = Path("/")) -> int:
    """The cores that this process is bound to, or fewer if its control groups have a quota.

    Part of a core does not count: with one and a half, two threads took 1.3 times as long for an
    image as one. ``root`` is where /proc and /sys are looked for.
    """
    if hasattr(os, "sched_getaffinity"):
        bound = len(os.sched_getaffinity(0))
    else:
        bound = os.cpu_count() or 1
    return min([bound, *(max(1, int(quota)) for quota in _quotas(root))])


def _quotas(root: Path) -> Iterator[float]:
    """In cores, of the control groups that this process is in and of those around them."""
    try:
        groups = (root / "proc/self/cgroup").read_text("utf-8", "replace")
        mounts = (root / "proc/self/mountinfo").read_text("utf-8", "replace")
    except OSError:  # no Linux
        return
    # From lines like ``4:cpu,cpuacct:/docker/ab`` and, of version 2, ``0::/system.slice``.
    own = {
        controller: PurePosixPath(path)
        for _, controllers, path in (line.split(":", 2) for line in groups.splitlines())
        for controller in controllers.split(",")
    }
    for mount in mounts.splitlines():
        before, _, after = mount.partition(" - ")
        _, _, _, top, point = before.split()[:5]
        kind, _, options = after.split()[:3]
        if kind == "cgroup2":
            controller, files = "", ["cpu.max"]
        elif kind == "cgroup" and "cpu" in options.split(","):
            controller, files = "cpu", ["cpu.cfs_quota_us", "cpu.cfs_period_us"]
        else:
            continue
        group = own.get(controller, PurePosixPath("/"))
        # A mount shows the groups from ``top`` on: in a container often no more than its own.
        inside = group.relative_to(top) if group.is_relative_to(top) else PurePosixPath()
        for folder in (inside, *inside.parents):
            yield from _quota([root / point.lstrip("/") / folder / file for file in files])


def _quota(files: list[Path]) -> Iterator[float]:
    """Reads ``150000 100000``, microseconds in each period; ``max`` and ``-1`` are no quota."""
    try:
        words = [word for file in files for word in file.read_text("ascii", "replace").split()]
    except OSError:  # the group at the top has none, and a container may hide those around it
        return
    if len(words) == 2 and all(word.isdecimal() for word in words) and int(words[1]):
        yield int(words[0]) / int(words[1])
