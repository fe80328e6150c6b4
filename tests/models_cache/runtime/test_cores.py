"""A process counts the cores that its control groups leave it, on trees as Linux shows them."""

import os
from pathlib import Path

import pytest

from models_cache.runtime.device import _quotas as quotas
from models_cache.runtime.device import usable_cores

VERSION_2 = "41 31 0:38 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup rw,nsdelegate"
VERSION_1 = "32 31 0:29 {top} /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct"
OTHERS = [
    "23 1 0:21 / / rw shared:1 - ext4 /dev/root rw",
    "33 31 0:30 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory",
]


def tree(root: Path, own: str, mounts: list[str], **files: str) -> Path:
    """``files`` by their place in /sys/fs/cgroup, where ``__`` is a slash."""
    contents = {
        "proc/self/cgroup": own,
        "proc/self/mountinfo": "\n".join([*OTHERS, *mounts]) + "\n",
    }
    for name, text in files.items():
        place, _, file = name.rpartition("__")
        contents[f"sys/fs/cgroup/{place.replace('__', '/')}/{file.replace('_max', '.max')}"] = text
    for name, text in contents.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


def version_1(root: Path, top: str, own: str, folder: str, quota: str, period: str) -> Path:
    tree(root, f"5:memory:{own}\n4:cpu,cpuacct:{own}\n", [VERSION_1.format(top=top)])
    group = root / "sys/fs/cgroup/cpu,cpuacct" / folder
    group.mkdir(parents=True, exist_ok=True)
    (group / "cpu.cfs_quota_us").write_text(f"{quota}\n")
    (group / "cpu.cfs_period_us").write_text(f"{period}\n")
    return root


@pytest.mark.parametrize(
    ("limit", "expected"),
    [
        ("100000 100000\n", [1.0]),  # docker run --cpus=1
        ("50000 100000\n", [0.5]),
        ("max 100000\n", []),
        ("", []),
        ("100000 0\n", []),
        ("a few\n", []),
    ],
)
def test_a_container_has_its_quota_at_the_top(tmp_path, limit, expected):
    assert list(quotas(tree(tmp_path, "0::/\n", [VERSION_2], cpu_max=limit))) == expected


def test_the_groups_around_count_too(tmp_path):
    """As systemd has it: the quota of a slice holds for the services in it."""
    files = {"a_slice__cpu_max": "300000 100000", "a_slice__b_service__cpu_max": "max 100000"}
    root = tree(tmp_path, "0::/a_slice/b_service\n", [VERSION_2], **files)
    assert list(quotas(root)) == [3.0]


def test_the_groups_beside_do_not(tmp_path):
    root = tree(tmp_path, "0::/ours\n", [VERSION_2], others__cpu_max="100000 100000")
    assert list(quotas(root)) == []


@pytest.mark.parametrize(
    ("top", "own", "folder"),
    [
        ("/", "/", ""),  # in a namespace of its own
        ("/docker/ab", "/docker/ab", ""),  # without one
        ("/", "/docker/ab", "docker/ab"),  # seen from the machine
        ("/", "/docker/ab", "docker"),
        ("/docker/ab", "/", ""),
    ],
)
def test_version_1_has_quota_and_period_in_files_of_their_own(tmp_path, top, own, folder):
    root = version_1(tmp_path, top, own, folder, "200000", "100000")
    assert list(quotas(root)) == [2.0]


def test_version_1_without_a_quota_says_minus_one(tmp_path):
    assert list(quotas(version_1(tmp_path, "/", "/", "", "-1", "100000"))) == []


@pytest.mark.parametrize(
    ("limit", "cores"),
    [("100000 100000", 1), ("20000 100000", 1), ("250000 100000", 2), ("9900000 100000", 16)],
)
def test_of_sixteen_cores_a_quota_leaves_whole_ones_and_one_at_least(
    tmp_path, monkeypatch, limit, cores
):
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: set(range(16)), raising=False)
    assert usable_cores(tree(tmp_path, "0::/\n", [VERSION_2], cpu_max=limit)) == cores


def test_where_there_are_no_control_groups_only_the_binding_counts(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: {0, 5, 7}, raising=False)
    assert usable_cores(tmp_path) == 3
    monkeypatch.delattr(os, "sched_getaffinity")
    assert usable_cores(tmp_path) == os.cpu_count()
