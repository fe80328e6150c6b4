"""Drawn scenes to try with one click, for the demo models, which know no photos."""

from pathlib import Path

from captioner.images import InvalidImage

FOLDER = Path(__file__).parent / "static" / "examples"


def names() -> list[str]:
    """The names of the scenes, which are their captions."""
    return [file.stem.replace("-", " ") for file in sorted(FOLDER.glob("*.png"))]


def file_name(name: str) -> str:
    return f"{name.replace(' ', '-')}.png"


def read(name: str) -> bytes:
    """The scene as a PNG. Raises InvalidImage for an unknown name, and makes no path of it."""
    if name not in names():
        raise InvalidImage("There is no such example: choose one of those shown.")
    return (FOLDER / file_name(name)).read_bytes()
