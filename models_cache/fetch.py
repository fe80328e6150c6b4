"""Fetching for programs that stay offline themselves: in a process of its own."""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from models_cache import remedy
from models_cache.catalog import ROLES, Checkpoint
from models_cache.store import ModelError, Store

ROOT = Path(__file__).parents[1]


def fetch_missing(checkpoints: Sequence[Checkpoint], store: Store) -> None:
    """``scripts/download_models`` for ``checkpoints``, which have a repository, into ``store``.

    Its progress goes to this process's stderr, and it ends with this process. Raises ModelError
    with the one sentence that it ends with where it fails.
    """
    names = [word for each in checkpoints for word in (f"--{ROLES[each.family]}", each.name)]
    with subprocess.Popen(
        [
            sys.executable,
            "-m",
            "models_cache",
            *names,
            "--folder",
            str(store.folder),
            "--sentence-to-stdout",
        ],
        cwd=ROOT,
        # This process set it, so that nothing but the download can touch the network.
        env={name: value for name, value in os.environ.items() if name != "HF_HUB_OFFLINE"},
        stdin=subprocess.PIPE,  # its lifeline
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,  # Ctrl-C is for this process, and so ends both
    ) as child:
        assert child.stdout
        sentence = child.stdout.read().strip()
        code = child.wait()
    if code:
        ended = f"The download ended with exit code {code}."
        raise ModelError(sentence or f"{ended} {remedy.to_fetch(checkpoints)}")
