"""``python -m generator "a prompt" -o out.png``: paints one image."""

import argparse
import os
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from models_cache import environment, terminal

environment.prepare()

from tqdm import tqdm

from generator.engine import Engine
from generator.image_file import CannotWrite, ImageFile
from generator.job import Job, Progress, Succeeded
from generator.marking import Marking
from generator.pipeline import COMPONENTS, read_model_info
from generator.request import GenerationRequest, InvalidRequest
from generator.sdxl import SDXL
from models_cache.advice import CannotStart
from models_cache.catalog import Family
from models_cache.choose import choose
from models_cache.flags import EPILOG, add_model_flags, add_yes_flag
from models_cache.runtime import nvidia
from models_cache.runtime.device import pick_device, use_device
from models_cache.runtime.gpu_fit import place
from models_cache.runtime.model_thread import on_short_lived_thread
from models_cache.runtime.tensors import check_weights

PARAMETERS = ("negative_prompt", "width", "height", "num_inference_steps", "guidance_scale", "seed")


def main(arguments: Sequence[str]) -> int:
    """The exit code: 0 with an image, 1 if the model failed, 2 for wrong arguments."""
    parser = _parser()
    options = parser.parse_args(arguments)
    try:
        output = ImageFile(options.output)
    except CannotWrite as error:
        parser.error(f"argument -o/--output: {error}")
    try:
        return _serve(parser, options, output)
    finally:
        output.close()


def _serve(parser: argparse.ArgumentParser, options: argparse.Namespace, output: ImageFile) -> int:
    try:
        device = pick_device(options.device)
        use_device(device)
        names = {Family.SDXL: options.generator}
        has_cuda, problem = device.type == "cuda", nvidia.problem()
        choice = choose(options.models, names, has_cuda, cuda_problem=problem)
        print(choice.reason, file=sys.stderr)
        checkpoint = choice.checkpoints[Family.SDXL]
        placement = place(options.memory, [checkpoint], device, options.dtype)
        marking = Marking(is_on=not options.no_marking)
        info = replace(read_model_info(checkpoint), marking=marking)
        parameters = {name: getattr(options, name) for name in PARAMETERS}
        request = info.request(options.prompt, **parameters)
        check_weights(checkpoint, COMPONENTS)
    except CannotStart as error:
        print(f"generator: {error}", file=sys.stderr)
        return 2
    except InvalidRequest as error:
        parser.error(str(error))
    sdxl = on_short_lived_thread(device, lambda: SDXL.load(checkpoint, placement))
    return _paint(Engine(sdxl, info=info), request, output)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m generator", description="Paints what a prompt says.", epilog=EPILOG
    )
    parser.add_argument("prompt")
    parser.add_argument(
        "-o",
        "--output",
        type=Path,
        required=True,
        metavar="FILE",
        help="a .png, .jpg or .webp; - is standard output, as a PNG",
    )
    for name in PARAMETERS:
        kind = {"negative_prompt": str, "guidance_scale": float}.get(name, int)
        parser.add_argument("--" + name.replace("_", "-"), type=kind)
    text = "leaves out of the file what says that a model made it"
    add_yes_flag(parser, os.environ, "no_marking", text)
    add_model_flags(parser, os.environ, [Family.SDXL])
    return parser


def _paint(engine: Engine, request: GenerationRequest, output: ImageFile) -> int:
    engine.start()
    try:
        job = engine.submit(request)
        _show_progress(job)
    finally:
        engine.close()
    outcome = job.wait()
    if not isinstance(outcome, Succeeded):
        print(f"generator: {getattr(outcome, 'error', 'cancelled')}", file=sys.stderr)
        return 1
    output.write(outcome, request, engine.info)
    # Nothing else may stand beside an image on standard output.
    told = sys.stderr if output.is_standard_output else sys.stdout
    print(f"{output.path}: {request.width}x{request.height}, seed {request.seed}", file=told)
    if outcome.unseen_words:
        unseen = " ".join(outcome.unseen_words)
        print(f"The prompt was too long: unseen were {unseen!r}.", file=told)
    return 0


def _show_progress(job: Job) -> None:
    with tqdm(desc="painting", unit="step", disable=None) as bar:
        for event in job.follow():
            if isinstance(event, Progress):
                bar.total = event.num_steps
                bar.update(event.step - bar.n)


if __name__ == "__main__":
    terminal.run(main)
