"""Whoever has an NVIDIA GPU that is not used is told why, and what to do."""

from dataclasses import replace

import pytest
import torch

from models_cache.advice import CannotStart
from models_cache.runtime import nvidia
from models_cache.runtime.device import pick_device
from models_cache.runtime.nvidia import Facts, is_supported

ARCHITECTURES = ("sm_75", "sm_80", "sm_86", "sm_90", "sm_100", "sm_120", "compute_120")
GOOD = Facts(
    has_gpu=True,
    driver="580.65.06",
    torch="2.13.0+cu130",
    cuda="13.0",
    capability=(8, 9),
    architectures=ARCHITECTURES,
)
OLDER = {"cuda": "12.6", "torch": "2.13.0+cu126", "architectures": ("sm_50", "sm_90")}
ABSENT = replace(GOOD, capability=None, architectures=())


@pytest.mark.parametrize(
    "facts",
    [
        pytest.param(GOOD, id="all is well"),
        pytest.param(replace(ABSENT, has_gpu=False, driver=None), id="no GPU"),
        pytest.param(
            replace(ABSENT, has_gpu=False, driver=None, torch="2.13.0+cpu", cuda=None),
            id="no GPU, and a torch for CPUs",
        ),
        pytest.param(replace(GOOD, architectures=()), id="torch does not say what it has code for"),
    ],
)
def test_nothing_is_said_where_nothing_is_wrong(facts):
    assert facts.problem == ""


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        pytest.param(
            replace(ABSENT, driver="535.183.01"),
            [
                "its driver 535.183.01 is too old for torch 2.13.0+cu130, which needs 580",
                "install a newer driver, or start with scripts/serve --with cuda126",
            ],
            id="an old driver",
        ),
        pytest.param(
            replace(ABSENT, driver="470.1", cuda="12.6", torch="2.13.0+cu126"),
            ["too old for torch 2.13.0+cu126, which needs 525 or newer: install a newer driver."],
            id="a driver too old for the older torch",
        ),
        pytest.param(
            replace(ABSENT, driver=None),
            ["no NVIDIA driver is loaded: install driver 580 or newer"],
            id="no driver",
        ),
        pytest.param(
            replace(ABSENT, torch="2.13.0+cpu", cuda=None),
            ["this torch (2.13.0+cpu) is built without CUDA", "-r requirements-cuda.txt"],
            id="a torch for CPUs",
        ),
        pytest.param(
            replace(ABSENT, has_gpu=False, torch="2.13.0+cpu", cuda=None),
            ["built without CUDA"],
            id="a driver whose GPU is not on the PCI bus",
        ),
        pytest.param(replace(ABSENT, visible=""), ["CUDA_VISIBLE_DEVICES= hides it"], id="hidden"),
        pytest.param(
            replace(ABSENT, complaint="CUDA unknown error"),
            ["torch cannot use it: CUDA unknown error."],
            id="something else",
        ),
        pytest.param(
            replace(GOOD, capability=(6, 1)),
            ["compute capability 6.1", "sm_75", "scripts/serve --with cuda126"],
            id="a GPU that torch has no code for",
        ),
        pytest.param(
            replace(GOOD, capability=(12, 0), **OLDER),
            [
                "capability 12.0",
                "install driver 580 or newer, and install PyPI's torch",
                "-cuda.txt",
            ],
            id="a GPU too new for the older torch",
        ),
        pytest.param(
            replace(GOOD, capability=(3, 7), **OLDER),
            ["compute capability 3.7", "no torch of this version has."],
            id="a GPU too old for any",
        ),
    ],
)
def test_each_cause_has_a_sentence_with_its_remedy(facts, words):
    for part in words:
        assert part in facts.problem
    assert facts.problem.endswith(".")
    assert "\n" not in facts.problem


@pytest.mark.parametrize(
    ("capability", "supported"),
    [
        ((7, 0), False),
        ((7, 5), True),
        ((8, 7), True),
        ((8, 9), True),
        ((9, 0), True),
        ((11, 0), False),
        ((12, 1), True),
        ((13, 0), True),  # by PTX
    ],
)
def test_code_runs_on_later_minor_versions_and_ptx_on_all_later_devices(capability, supported):
    assert is_supported(capability, ARCHITECTURES) is supported


def machine(root, driver=None, told=None, devices=()):
    """What the kernel of a machine says."""
    for number, (vendor, kind) in enumerate(devices):
        folder = root / "sys/bus/pci/devices" / str(number)
        folder.mkdir(parents=True)
        (folder / "vendor").write_text(f"{vendor}\n")
        (folder / "class").write_text(f"{kind}\n")
    if driver:
        (root / "sys/module/nvidia").mkdir(parents=True)
        (root / "sys/module/nvidia/version").write_text(f"{driver}\n")
    if told:
        (root / "proc/driver/nvidia").mkdir(parents=True)
        (root / "proc/driver/nvidia/version").write_text(told)
    return root


@pytest.mark.parametrize(
    ("told", "version"),
    [
        ("NVRM version: NVIDIA UNIX x86_64 Kernel Module  535.183.01  Sun May 12", "535.183.01"),
        ("NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  580.65.06  Rel", "580.65.06"),
        ("nothing of the kind", None),
    ],
)
def test_the_driver_s_version_is_read_from_the_kernel(tmp_path, told, version):
    assert Facts.gather(root=machine(tmp_path / "a", told=told)).driver == version
    assert Facts.gather(root=machine(tmp_path / "b", driver="550.1", told=told)).driver == "550.1"


@pytest.mark.parametrize(
    ("devices", "has_gpu"),
    [
        ([], False),
        ([("0x1002", "0x030000"), ("0x10de", "0x040300")], False),  # another's; a sound device
        ([("0x8086", "0x060000"), ("0x10de", "0x030200")], True),
    ],
)
def test_a_gpu_is_found_on_the_pci_bus(tmp_path, devices, has_gpu):
    assert Facts.gather(root=machine(tmp_path, devices=devices)).has_gpu is has_gpu


def test_a_machine_that_shows_nothing_has_nothing(tmp_path):
    facts = Facts.gather(root=tmp_path)
    assert (facts.has_gpu, facts.driver) == (False, None)


def with_problem(monkeypatch, problem, count=0):
    monkeypatch.setattr(nvidia, "problem", lambda index=0: problem)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: count > 0)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: count)


def test_a_device_that_is_asked_for_and_is_not_there_comes_with_the_reason(monkeypatch):
    with_problem(monkeypatch, "Its driver is too old.")
    with pytest.raises(CannotStart, match=r"this machine has cpu\. Its driver is too old\.$"):
        pick_device("cuda")


def test_a_gpu_without_code_is_not_picked_and_not_taken(monkeypatch):
    with_problem(monkeypatch, "No code for it.", count=1)
    assert pick_device("auto") == torch.device("cpu")
    with pytest.raises(CannotStart, match=r"--device cuda cannot be used\. No code for it\.$"):
        pick_device("cuda")
    with_problem(monkeypatch, "", count=1)
    assert pick_device("auto") == torch.device("cuda")
    assert pick_device("cuda:0") == torch.device("cuda:0")
