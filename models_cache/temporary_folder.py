"""Doing without a temporary folder: nothing of ours needs one, but torch asks where it is."""

import os
import tempfile


def do_without_temporary_folder() -> None:
    """For programs, before torch is imported: where there is none, the import would fail.

    torch names a folder there for what it compiles. We compile nothing, so none is written to.
    """
    try:
        tempfile.gettempdir()
    except FileNotFoundError:
        os.environ.setdefault("TORCHINDUCTOR_CACHE_DIR", os.sep)
