"""Judges the demo models on scenes whose combinations were held out of training.

The judges are judged first, on scenes that our own code drew. ``--record`` writes the figures into
the models' cards.
"""

import argparse
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from random import Random

from models_cache import environment

environment.prepare()

from PIL import Image
from tqdm import tqdm

from captioner.blip import Blip
from captioner.images import open_image
from generator.engine import Engine
from generator.job import Succeeded
from generator.sdxl import SDXL
from generator.shapes import Size
from models_cache.catalog import DEMO_CAPTIONER, DEMO_GENERATOR
from models_cache.local_checkpoint import LocalCheckpoint
from models_cache.runtime.device import pick_device
from models_cache.runtime.gpu_fit import Placement
from models_cache.store import Store
from scripts.demo_models import model_cards, sharpness
from scripts.demo_models.drawing import SQUARE, draw_scene
from scripts.demo_models.familiarity import round_trips
from scripts.demo_models.judges import BATCH, ByCaptioner, ByPixels, Judge, caption_all
from scripts.demo_models.scenes import Scene, sample_scene
from scripts.demo_models.verdict import Verdict, refused, same_words, shown, table, told_apart

PHOTO_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp")
LONGEST_SIDE = 2048  # as the server keeps of an upload

Figure = tuple[str, Verdict | str]


def held_out_scenes(count: int, seed: int) -> list[Scene]:
    """Scenes without any (colour, thing, setting) triple that training saw."""
    rng = Random(f"held out {seed}")
    return [sample_scene(rng, held_out=True) for _ in range(count)]


def draw_all(scenes: Sequence[Scene], seed: int = 0) -> list[Image.Image]:
    rng = Random(f"drawing {seed}")
    return [draw_scene(scene, rng) for scene in scenes]


def paint_all(
    sdxl: SDXL, prompts: Sequence[str], seed: int = 0, size: Size | None = None
) -> list[Image.Image]:
    """One image a prompt, in order, through the engine; seeds count up from ``seed``."""
    painted = _painted(sdxl, prompts, seed, size._asdict() if size else {})
    return list(tqdm(painted, "painting", len(prompts), leave=False))


def _painted(
    sdxl: SDXL, prompts: Sequence[str], seed: int, size: Mapping[str, int]
) -> Iterator[Image.Image]:
    count = len(prompts)
    engine = Engine(sdxl, max_batch_size=BATCH, max_jobs=count, max_client_jobs=count)
    jobs = [
        engine.submit(sdxl.info.request(prompt, seed=seed + place, **size))
        for place, prompt in enumerate(prompts)
    ]
    for job in jobs:
        while not job.is_finished:
            engine.step()
        outcome = job.outcome
        assert isinstance(outcome, Succeeded), outcome
        yield outcome.image


def judge_judge(judge: Judge, drawings: list[Image.Image], scenes: list[Scene]) -> Iterator[Figure]:
    """Tests whether ``judge`` takes true scenes for what they are, and for nothing else."""
    seen = judge.read(drawings)
    yield f"the {judge.name} itself: true scenes told", shown(scenes, seen)
    yield f"the {judge.name} itself: captions with one change refused", refused(scenes, seen)


def judge_captions(blip: Blip, drawings: list[Image.Image], scenes: list[Scene]) -> Verdict:
    """Compares captions word for word, with sizes and weather."""
    return same_words([scene.caption for scene in scenes], caption_all(blip, drawings))


def judge_images(judge: Judge, sdxl: SDXL, scenes: list[Scene], seed: int = 0) -> Verdict:
    """Paints the scenes' captions, and judges things, colours, places and settings."""
    return shown(scenes, judge.read(paint_all(sdxl, [scene.caption for scene in scenes], seed)))


def judge_round_trip(blip: Blip, sdxl: SDXL, drawings: list[Image.Image], seed: int = 0) -> Verdict:
    """Goes from picture to caption to picture to caption, and compares the words."""
    captions = caption_all(blip, drawings)
    return same_words(captions, caption_all(blip, paint_all(sdxl, captions, seed)))


def _figures(blip: Blip, sdxl: SDXL, options: argparse.Namespace) -> Iterator[Figure]:
    judges: list[Judge] = [ByCaptioner(blip), ByPixels()]
    scenes = held_out_scenes(options.captions, options.seed)
    drawings = draw_all(scenes, options.seed)
    for judge in judges:
        yield from judge_judge(judge, drawings, scenes)
    yield "captions of drawn scenes, word for word", judge_captions(blip, drawings, scenes)
    yield "drawn scenes that the captioner knows as such", told_apart(blip, drawings, True)
    if options.photos:
        yield "photos that it knows to be none", told_apart(blip, photos(options.photos), False)
    asked = scenes[: options.images]
    images = paint_all(sdxl, [scene.caption for scene in asked], options.seed)
    for judge in judges:
        seen = judge.read(images)
        yield f"images of captions, by the {judge.name}", shown(asked, seen)
        for what, part in table(asked, seen):
            yield f"images of captions, by the {judge.name}: {what}", part
    yield from _shaped_figures(judges, sdxl, asked[: len(asked) // 3], options.seed)
    round_trip = judge_round_trip(blip, sdxl, drawings[: options.images], options.seed)
    yield "picture, caption, picture, caption: the same words", round_trip
    drawn = drawings[: options.images]
    given_back = round_trips(sdxl.pipeline.vae, drawn)
    yield "sharpness given back by the autoencoder", f"{sharpness.beside(given_back, drawn):.2f}"
    yield "sharpness of painted images", f"{sharpness.beside(images, drawn):.2f}"


def _shaped_figures(
    judges: Sequence[Judge], sdxl: SDXL, asked: Sequence[Scene], seed: int
) -> Iterator[Figure]:
    for size in sdxl.info.sizes:
        if size.width != size.height:
            middles = paint_middles(sdxl, asked, size, seed)
            for judge in judges:
                what = f"{size.width} x {size.height} images of captions, by the {judge.name}"
                yield what, shown(asked, judge.read(middles))


def paint_middles(
    sdxl: SDXL, scenes: Sequence[Scene], size: Size, seed: int = 0
) -> list[Image.Image]:
    """The middle squares of images in another shape, where all things stand, for the judges."""
    images = paint_all(sdxl, [scene.caption for scene in scenes], seed, size)
    side = min(size)
    box = ((size.width - side) / 2, (size.height - side) / 2)
    return [
        image.resize(SQUARE, Image.Resampling.BICUBIC, (*box, box[0] + side, box[1] + side))
        for image in images
    ]


def photos(folder: Path) -> list[Image.Image]:
    """All pictures below a folder."""
    files = sorted(file for file in folder.rglob("*") if file.suffix.lower() in PHOTO_SUFFIXES)
    return [open_image(file.read_bytes()).read(LONGEST_SIDE) for file in files]


def main() -> None:
    options = _options()
    blip, sdxl = _load(options)
    rows = []
    for what, verdict in _figures(blip, sdxl, options):
        print(f"{what}: {verdict}", flush=True)
        wrong = verdict.wrong if isinstance(verdict, Verdict) else ()
        for asked, seen in wrong[: options.show]:
            print(f"  asked for: {asked}\n       seen: {seen}")
        rows.append((what, str(verdict)))
    if options.record:
        for folder in (options.captioner, options.generator):
            model_cards.record(folder, rows, options.steps, options.guidance_scale)


def _load(options: argparse.Namespace) -> tuple[Blip, SDXL]:
    placement = Placement(pick_device(options.device))
    painted = {"num_inference_steps": options.steps, "guidance_scale": options.guidance_scale}
    captioner = LocalCheckpoint.open(DEMO_CAPTIONER, options.captioner)
    generator = LocalCheckpoint.open(replace(DEMO_GENERATOR, **painted), options.generator)
    return Blip.load(captioner, placement), SDXL.load(generator, placement)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/evaluate_demo", description=__doc__)
    folders = (Store().locate(known).folder for known in (DEMO_CAPTIONER, DEMO_GENERATOR))
    captioner, generator = folders
    parser.add_argument("--captions", type=int, default=500, help="scenes to caption (%(default)s)")
    parser.add_argument("--images", type=int, default=300, help="of them to paint (%(default)s)")
    parser.add_argument("--steps", type=int, default=DEMO_GENERATOR.num_inference_steps)
    parser.add_argument("--guidance-scale", type=float, default=DEMO_GENERATOR.guidance_scale)
    parser.add_argument("--captioner", type=Path, metavar="FOLDER", default=captioner)
    parser.add_argument("--generator", type=Path, metavar="FOLDER", default=generator)
    parser.add_argument("--photos", type=Path, metavar="FOLDER", help="pictures that are no scenes")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--show", type=int, default=0, help="mistakes to print (%(default)s)")
    parser.add_argument("--record", action="store_true", help="write the figures into the cards")
    return parser.parse_args()


if __name__ == "__main__":
    main()
