"""A reader of metadata that is not ours: exiftool."""

import json
import shutil
import subprocess

import pytest

IS_MISSING = shutil.which("exiftool") is None
NEEDED = "exiftool is not installed (Debian: libimage-exiftool-perl)"


def needs_exiftool(test):
    return pytest.mark.exiftool(pytest.mark.skipif(IS_MISSING, reason=NEEDED)(test))


def metadata_of(data: bytes) -> dict[str, object]:
    """All that exiftool finds in a file, by group and name, as it stands there."""
    command = ["exiftool", "-json", "-G", "-n", "-warning", "-all", "-"]
    done = subprocess.run(command, input=data, capture_output=True, timeout=60, check=True)
    [found] = json.loads(done.stdout)
    assert not {name for name in found if "Warning" in name or "Error" in name}, found
    return found
