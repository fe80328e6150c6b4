"""axe-core: looks at a page for what keeps people with a screen reader or a keyboard out.

Its one file is fetched from npm the first time, and kept beside the Python packages.
"""

import shutil
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page

VERSION = "4.14.1"
SCRIPT = "package/axe.min.js"
SECONDS_TO_FETCH = 120


def source() -> str:
    """The script. Skips the test if it is not there and cannot be fetched."""
    archive = Path(sys.prefix) / f"axe-core-{VERSION}.tgz"
    if not archive.exists():
        _fetch(archive.parent)
    with tarfile.open(archive) as package:
        file = package.extractfile(SCRIPT)
        assert file
        return file.read().decode()


def _fetch(folder: Path) -> None:
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip("no axe-core: npm, which fetches it, is not installed")
    pack = [npm, "pack", "--silent", f"axe-core@{VERSION}", "--pack-destination", str(folder)]
    done = subprocess.run(pack, capture_output=True, text=True, timeout=SECONDS_TO_FETCH)
    if done.returncode:
        pytest.skip(f"no axe-core: npm could not fetch it: {done.stderr.strip()[-200:]}")


def violations(page: Page) -> list[str]:
    """What is wrong with the page as it is now, a line for each place."""
    found: list[dict[str, Any]] = page.evaluate("axe.run().then(result => result.violations)")
    return [f"{rule['id']}: {node['html'][:120]}" for rule in found for node in rule["nodes"]]
