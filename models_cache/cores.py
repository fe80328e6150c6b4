"""How many cores this process may keep busy: containers are given fewer than their machine has."""

import os
from collections.abc import Iterator
from pathlib import Path, PurePosixPath


def usable_cores(root: Path = Path("/")) -> int:
    """The cores that it is bound to, or fewer where its control groups have a quota.

    Part of a core does not count: of one and a half, two threads had an image in 1.3 times the
    seconds of one. ``root`` is where /proc and /sys are looked for.
    """
    if hasattr(os, "sched_getaffinity"):
        bound = len(os.sched_getaffinity(0))
    else:
        bound = os.cpu_count() or 1
    return min([bound, *(max(1, int(quota)) for quota in quotas(root))])


def quotas(root: Path) -> Iterator[float]:
    """In cores, of the control groups that this process is in and of those around them."""
    try:
        own = (root / "proc/self/cgroup").read_text("utf-8", "replace")
        mounts = (root / "proc/self/mountinfo").read_text("utf-8", "replace")
    except OSError:  # no Linux
        return
    for mount in mounts.splitlines():
        before, _, after = mount.partition(" - ")
        _, _, _, top, point = before.split()[:5]
        kind, _, options = after.split()[:3]
        if kind == "cgroup2":
            controller, read = "", _version_2
        elif kind == "cgroup" and "cpu" in options.split(","):
            controller, read = "cpu", _version_1
        else:
            continue
        for folder in _folders(_own_group(own, controller), PurePosixPath(top)):
            quota = read(root / point.lstrip("/") / folder)
            if quota is not None:
                yield quota


def _own_group(own: str, controller: str) -> PurePosixPath:
    """From lines like ``4:cpu,cpuacct:/docker/ab`` and, of version 2, ``0::/system.slice``."""
    for line in own.splitlines():
        _, controllers, path = line.split(":", 2)
        if controller in controllers.split(","):
            return PurePosixPath(path)
    return PurePosixPath("/")


def _folders(group: PurePosixPath, top: PurePosixPath) -> Iterator[PurePosixPath]:
    """The group's folder below its mount point, and those around it up to there.

    A mount shows the groups from ``top`` on: in a container often no more than its own.
    """
    inside = group.relative_to(top) if group.is_relative_to(top) else PurePosixPath()
    return iter([inside, *inside.parents])


def _version_2(folder: Path) -> float | None:
    return _quota(_words(folder / "cpu.max"))


def _version_1(folder: Path) -> float | None:
    return _quota(_words(folder / "cpu.cfs_quota_us") + _words(folder / "cpu.cfs_period_us"))


def _words(file: Path) -> list[str]:
    try:
        return file.read_text("ascii", "replace").split()
    except OSError:  # the group at the top has none, and a container may hide those around it
        return []


def _quota(words: list[str]) -> float | None:
    """Of ``150000 100000``, microseconds in each period; ``max`` and ``-1`` are no quota."""
    if len(words) != 2 or not all(word.isdecimal() for word in words) or int(words[1]) == 0:
        return None
    return int(words[0]) / int(words[1])
