"""Draws the scenes that the page offers to try: ``python -m scripts.demo_models.samples``."""

from pathlib import Path
from random import Random

from scripts.demo_models.drawing import draw_scene
from scripts.demo_models.scenes import parse_caption

FOLDER = Path("webapp/static/samples")
SIZE = 256
CAPTIONS = (
    "a red house by the sea",
    "an orange tree and a white cat at night",
    "a yellow car in the desert",
    "a blue balloon and a green house in the snow",
    "a purple flower on the grass",
    "a white boat and a red balloon by the sea",
    "a black cat and a yellow star at night",
    "a green tree and an orange car on the grass",
)


def main() -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    for caption in CAPTIONS:
        image = draw_scene(parse_caption(caption), Random(caption), SIZE)
        image.save(FOLDER / f"{caption.replace(' ', '-')}.png", optimize=True)


if __name__ == "__main__":
    main()
