"""Sets what each program of ours needs, at its top, before the first import that reads it.

A program of ours is whatever is run by ``python -m``. What the user has set is left as it is, and
child processes inherit it all.
"""

import ctypes
import os
import platform
import tempfile
from collections.abc import MutableMapping
from typing import Any

# Variable, value, and the variables by which a user may have said the same.
Default = tuple[str, str, tuple[str, ...]]

# With the weights at hand nothing is ever looked up.
OFFLINE: list[Default] = [("HF_HUB_OFFLINE", "1", ())]

QUIET: list[Default] = [
    ("HF_HUB_DISABLE_TELEMETRY", "1", ()),
    ("TRANSFORMERS_VERBOSITY", "error", ()),
    ("DIFFUSERS_VERBOSITY", "error", ()),
]

# Threads of OpenMP spin while they wait for one another. As long as they do by default, beside
# other work on the cores they keep the very thread from running that they wait for: an image that
# takes 0.3 s took 42. They spin for a while, which is what keeps them fast, and then sleep.
OPENMP: list[Default] = [
    ("GOMP_SPINCOUNT", "10000", ("OMP_WAIT_POLICY",)),  # GNU's, in rounds; read as it is loaded
    ("KMP_BLOCKTIME", "1", ("OMP_WAIT_POLICY",)),  # LLVM's, on macOS: whole milliseconds
]

# CUDA memory in segments that grow: images of several sizes leave fewer gaps that none can use.
# torch 2.9 ignores this name, 2.11 and 2.13 read it (pytorch#183387); on Windows it does nothing.
CUDA_MEMORY: list[Default] = [
    ("PYTORCH_ALLOC_CONF", "expandable_segments:True", ("PYTORCH_CUDA_ALLOC_CONF",)),
]
# In the names of kernels where such segments fail at the first allocation: WSL's (pytorch#192330)
# and Jetson's.
KERNELS_WITHOUT = ("microsoft", "tegra")

# By default threads share eight of glibc's arenas a core, each of which grows to the most that it
# ever held: after sixty photos the server held 2.7 GB of nothing, and under load its 260 threads
# needed half an hour until all arenas had grown. Two hold 0.1 GB. Blocks over the first threshold
# come and go by the system, page by page: at 4 MiB those of eight images were 2,400 pages a step,
# and it took 4 % longer. 32 MiB are the most that glibc allows.
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD, M_ARENA_MAX = -1, -3, -8  # of <malloc.h>
ALLOCATOR = {M_MMAP_THRESHOLD: 32 * 2**20, M_TRIM_THRESHOLD: 64 * 2**20, M_ARENA_MAX: 2}
THEIRS = (
    "MALLOC_MMAP_THRESHOLD_",
    "MALLOC_TRIM_THRESHOLD_",
    "MALLOC_ARENA_MAX",
    "GLIBC_TUNABLES",
)


def prepare(online: bool = False) -> None:
    """For the top of a program. ``online`` is for the one that downloads."""
    set_variables(online)
    if not any(name in os.environ for name in THEIRS):
        give_back_large_blocks(ctypes.CDLL(None))


def set_variables(online: bool = False) -> None:
    """What ``prepare`` does, but for the allocator: for a program that is measured beside ours."""
    do_without_temporary_folder()
    set_missing(os.environ, [*QUIET, *OPENMP, *([] if online else OFFLINE)])
    set_missing(os.environ, cuda_memory(platform.release()))


def do_without_temporary_folder() -> None:
    """Lets torch be imported on a machine without a temporary folder.

    torch names a folder there for what it compiles. Without one, nothing can be compiled: the fast
    path does without that.
    """
    try:
        tempfile.gettempdir()
    except FileNotFoundError:
        os.environ.setdefault("TORCHINDUCTOR_CACHE_DIR", os.sep)


def cuda_memory(kernel: str) -> list[Default]:
    """``kernel`` is the release of the system's kernel, as ``uname -r`` prints it."""
    is_without = any(name in kernel.lower() for name in KERNELS_WITHOUT)
    return [] if is_without else CUDA_MEMORY


def set_missing(environ: MutableMapping[str, str], defaults: list[Default]) -> None:
    for name, value, others in defaults:
        if not any(other in environ for other in others):
            environ.setdefault(name, value)


def give_back_large_blocks(libc: Any) -> None:
    """Has what is freed go back to the system, block by block; only glibc knows how."""
    if hasattr(libc, "mallopt"):
        for parameter, value in ALLOCATOR.items():
            libc.mallopt(parameter, value)
