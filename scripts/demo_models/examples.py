"""Draws the scenes that the page offers to try: ``python -m scripts.demo_models.examples``."""

from pathlib import Path
from random import Random

from models_cache import environment

environment.prepare()

from scripts.demo_models.drawing import draw_scene
from scripts.demo_models.scenes import parse_caption

FOLDER = Path(__file__).parents[2] / "webapp" / "static" / "examples"
SIZE = (256, 256)
CAPTIONS = (
    "a red house by the sea",
    "an orange tree left of a white cat at night",
    "a yellow car in the desert at sunset",
    "a blue balloon above a green house in the snow",
    "a big purple flower on the grass",
    "a white kite above a red boat by the sea under a rainbow",
    "a black cat in the city in the rain",
    "a blue star above a purple mushroom left of a yellow duck in the mountains",
)


def main() -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    for caption in CAPTIONS:
        image = draw_scene(parse_caption(caption), Random(caption), SIZE)
        image.save(FOLDER / f"{caption.replace(' ', '-')}.png", optimize=True)


if __name__ == "__main__":
    main()
