"""Out of memory is told apart from other failures, and holds on to nothing."""

import weakref

import pytest
import torch

from models_cache.runtime import device
from models_cache.runtime.device import OutOfMemory, free_bytes, naming_out_of_memory

CPU = torch.device("cpu")


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        (torch.OutOfMemoryError, "CUDA out of memory. Tried to allocate 20.00 MiB"),
        (RuntimeError, "CUDA error: out of memory"),
        (RuntimeError, "CUDA driver error: out of memory"),
        (
            RuntimeError,
            "CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`",
        ),
        (RuntimeError, "cuDNN error: CUDNN_STATUS_ALLOC_FAILED"),
        (RuntimeError, "[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried"),
    ],
)
def test_running_out_is_a_memory_error_that_pins_no_tensor(kind, message):
    held = []

    def call() -> None:
        tensor = torch.zeros(8)
        held.append(weakref.ref(tensor))
        raise kind(message)

    with pytest.raises(OutOfMemory, match="memory|ALLOC") as caught:
        naming_out_of_memory(call)
    assert isinstance(caught.value, MemoryError)
    assert held[0]() is None


MAYBE = [
    "CUDA error: CUBLAS_STATUS_NOT_INITIALIZED when calling `cublasCreate(handle)`",
    "cuDNN error: CUDNN_STATUS_INTERNAL_ERROR",
    "FIND was unable to find an engine to execute this computation",
    "GET was unable to find an engine to execute this computation",
]


@pytest.mark.parametrize("message", MAYBE)
@pytest.mark.parametrize(
    ("free", "kind"), [(10**8, OutOfMemory), (10**9, RuntimeError), (None, OutOfMemory)]
)
def test_what_may_be_a_lack_of_memory_is_one_where_little_is_free(monkeypatch, message, free, kind):
    monkeypatch.setattr(device, "free_bytes", lambda asked: free)
    with pytest.raises((OutOfMemory, RuntimeError)) as caught:
        naming_out_of_memory(lambda: (_ for _ in ()).throw(RuntimeError(message)))
    assert caught.type is kind


def test_the_cpu_s_own_allocator_is_understood():
    with pytest.raises(OutOfMemory):
        naming_out_of_memory(lambda: torch.empty(2**60, dtype=torch.uint8))


def test_other_failures_are_what_they_are():
    with pytest.raises(RuntimeError, match="a shape") as caught:
        naming_out_of_memory(lambda: (_ for _ in ()).throw(RuntimeError("a shape")))
    assert not isinstance(caught.value, MemoryError)


def test_what_goes_well_is_returned():
    assert naming_out_of_memory(lambda: 7) == 7


def test_free_memory_of_a_cpu_is_what_the_system_has_available(monkeypatch, tmp_path):
    meminfo = tmp_path / "meminfo"
    meminfo.write_text("MemTotal:       24684136 kB\nMemAvailable:   20000000 kB\n")
    monkeypatch.setattr(device, "MEMINFO", meminfo)
    assert free_bytes(CPU) == 20_000_000 * 1024
    monkeypatch.setattr(device, "MEMINFO", tmp_path / "none")
    assert free_bytes(CPU) is None
