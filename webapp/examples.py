"""Drawn scenes to try with one click: the demo models know no others."""

from pathlib import Path

from captioner.images import InvalidImage

FOLDER = Path(__file__).parent / "static" / "examples"


def names() -> list[str]:
    """What the scenes show, in the words of their captions."""
    return [file.stem.replace("-", " ") for file in sorted(FOLDER.glob("*.png"))]


def file_name(name: str) -> str:
    return f"{name.replace(' ', '-')}.png"


def read(name: str) -> bytes:
    """Raises InvalidImage for a name that is none of ours: no path is made of it."""
    if name not in names():
        raise InvalidImage("There is no such example: choose one of those shown.")
    return (FOLDER / file_name(name)).read_bytes()
