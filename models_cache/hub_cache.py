"""Hugging Face caches, by their layout on disk, so that looking needs no network.

https://huggingface.co/docs/huggingface_hub/guides/manage-cache
"""

from collections.abc import Iterator
from pathlib import Path


def user_cache() -> Path:
    """The cache that all of this user's programs share."""
    # Here, because it takes 30 ms. It reads HF_HOME and HF_HUB_CACHE when it is first imported.
    from huggingface_hub.constants import HF_HUB_CACHE

    return Path(HF_HUB_CACHE)


def snapshots(cache: Path, repository: str, revision: str | None) -> Iterator[Path]:
    """The copies in ``cache``, whole or not: of ``revision``, then of main, then any others."""
    root = cache / f"models--{repository.replace('/', '--')}"
    try:
        main = root / "refs" / "main"
        preferred = [revision, main.read_text().strip() if main.is_file() else None]
        there = sorted(path.name for path in (root / "snapshots").glob("*") if path.is_dir())
    except OSError:
        # A cache that this user may not read holds nothing for this user.
        return
    for name in dict.fromkeys([*preferred, *there]):
        if name in there:
            yield root / "snapshots" / name
