"""``python -m captioner photo.jpg``: captions pictures, one line each."""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from models_cache import environment, terminal

environment.prepare()

from tqdm import tqdm

from captioner.blip import COMPONENTS, Blip
from captioner.engine import Engine
from captioner.images import InvalidImage, read_image
from captioner.request import CaptionRequest
from models_cache.advice import CannotStart
from models_cache.catalog import Family
from models_cache.choose import choose
from models_cache.flags import EPILOG, add_model_flags
from models_cache.runtime import nvidia
from models_cache.runtime.device import pick_device, use_device
from models_cache.runtime.gpu_fit import place
from models_cache.runtime.model_thread import on_short_lived_thread
from models_cache.runtime.tensors import check_weights


def main(arguments: Sequence[str]) -> int:
    """The exit code: 0 if every picture was captioned, 1 if one was not, 2 without a model."""
    options = _parser().parse_args(arguments)
    try:
        device = pick_device(options.device)
        use_device(device)
        names = {Family.BLIP: options.captioner}
        has_cuda, problem = device.type == "cuda", nvidia.problem()
        choice = choose(options.models, names, has_cuda, cuda_problem=problem)
        print(choice.reason, file=sys.stderr)
        checkpoint = choice.checkpoints[Family.BLIP]
        placement = place(options.memory, [checkpoint], device, options.dtype)
        check_weights(checkpoint, COMPONENTS)
    except CannotStart as error:
        print(f"captioner: {error}", file=sys.stderr)
        return 2
    engine = Engine(on_short_lived_thread(device, lambda: Blip.load(checkpoint, placement)))
    engine.start()
    try:
        captioned = [
            _caption(engine, file, options.prefix)
            for file in tqdm(options.files, "captioning", unit="picture", disable=None)
        ]
    finally:
        engine.close()
    return 0 if all(captioned) else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m captioner", description="Says what pictures show.", epilog=EPILOG
    )
    parser.add_argument("files", type=Path, nargs="+", metavar="FILE")
    parser.add_argument("--prefix", default="", help='words to begin with, as "a photograph of"')
    add_model_flags(parser, os.environ, [Family.BLIP])
    return parser


def _caption(engine: Engine, file: Path, prefix: str) -> bool:
    """Prints the caption and returns True, or prints why there is none."""
    try:
        request = CaptionRequest(read_image(file.read_bytes()), prefix)
    except (OSError, InvalidImage, MemoryError) as error:
        tqdm.write(f"{file}: {_why_not(error)}", file=sys.stderr)
        return False
    try:
        caption = engine.submit(request).result()
    except MemoryError:
        tqdm.write(f"{file}: there is not enough free memory for a caption", file=sys.stderr)
        return False
    except Exception:  # the engine has logged it, and the other files are worth their captions
        tqdm.write(f"{file}: the captioner failed on this picture", file=sys.stderr)
        return False
    tqdm.write(f"{file}: {caption}")
    return True


def _why_not(error: Exception) -> object:
    if isinstance(error, MemoryError):
        return "there is not enough free memory to read it"
    return error.strerror if isinstance(error, OSError) else error


if __name__ == "__main__":
    terminal.run(main)
