"""Pillow's test images, from its source package: fetched once, by its pinned hash."""

import hashlib
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path

# The version that requirements-cuda.txt pins: the images that come with it are for its decoders.
VERSION = "13.0.0"
SHA256 = "cdcd1ba258178f7356d74170c9a81ba4eab6a5d55748bc402a5a2a6fe6be3510"
ARCHIVE = Path(__file__).parents[2] / ".cache" / f"pillow-{VERSION}.tar.gz"
FOLDER = f"pillow-{VERSION}/Tests/images/"


class NoPictures(Exception):
    """Says in one sentence why there are none."""


def pictures() -> Iterator[tuple[str, bytes]]:
    """Name and content of every file among them, by name. Raises NoPictures."""
    fetch()
    with tarfile.open(ARCHIVE) as archive:
        files = [file for file in archive if file.isfile() and file.name.startswith(FOLDER)]
        for file in sorted(files, key=lambda file: file.name):
            content = archive.extractfile(file)
            assert content is not None
            yield file.name.removeprefix(FOLDER), content.read()


def fetch(archive: Path = ARCHIVE) -> None:
    """Puts it there, unless it lies there whole. Raises NoPictures."""
    if archive.exists() and hashlib.sha256(archive.read_bytes()).hexdigest() == SHA256:
        return
    archive.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=archive.parent) as folder:
        _download(Path(folder))
        (Path(folder) / ARCHIVE.name).replace(archive)


def _download(folder: Path) -> None:
    """By pip, which knows where packages come from here, and compares the hash."""
    wanted = folder / "wanted.txt"
    wanted.write_text(f"Pillow=={VERSION} --hash=sha256:{SHA256}\n")
    options = ["--quiet", "--disable-pip-version-check", "--retries=1"]
    options += ["--no-deps", "--no-binary=Pillow", f"--requirement={wanted}", f"--dest={folder}"]
    command = [sys.executable, "-m", "pip", "download", *options]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if done.returncode != 0:
        told = [line[7:] for line in done.stderr.splitlines() if line.startswith("ERROR: ")]
        why = told[0] if told else "pip does not say why"
        raise NoPictures(f"Pillow's source package cannot be fetched: {why}")
