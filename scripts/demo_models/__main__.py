"""Trains the demo models from nothing and writes them as diffusers and transformers do.

A run that was cut goes on from its last checkpoint; delete the training folder to start anew. The
captioner needs no other part; the decoder and the generator need the autoencoder alone, so they
can learn side by side; the sharpener needs the decoder, and ``finish`` the generator; ``write``
needs all. Then ``familiarity`` teaches the written captioner which pictures it knows.
"""

import argparse
from pathlib import Path

from models_cache import environment

environment.prepare()

import torch
from diffusers import AutoencoderKL

from captioner.blip import Blip
from models_cache.catalog import DEMO_CAPTIONER
from models_cache.local_checkpoint import LocalCheckpoint
from models_cache.runtime.device import usable_cores
from models_cache.runtime.gpu_fit import Placement
from models_cache.store import Store
from scripts.demo_models import (
    autoencoder,
    captioner,
    encoded,
    familiarity,
    generator,
    model_cards,
    sharpener,
)
from scripts.demo_models.run import Run


def main() -> None:
    options = _options()
    torch.set_num_threads(options.threads)
    for part in options.parts:
        PARTS[part](options)


def _train_captioner(options: argparse.Namespace) -> None:
    captioner.run(options.folder, options.device).train()


def _train_autoencoder(options: argparse.Namespace) -> None:
    autoencoder.run(options.folder, options.device).train()


def _train_decoder(options: argparse.Namespace) -> None:
    _decoder_run(options).train()


def _train_sharpener(options: argparse.Namespace) -> None:
    _sharpener_run(options).train()


def _train_generator(options: argparse.Namespace) -> None:
    _generator_run(options).train()


def _train_finish(options: argparse.Namespace) -> None:
    _finish_run(options).train()


def _decoder_run(options: argparse.Namespace) -> Run:
    return autoencoder.decoder_run(options.folder, options.device, _autoencoder(options))


def _sharpener_run(options: argparse.Namespace) -> Run:
    decoded = _decoder_run(options).finished()
    assert isinstance(decoded, AutoencoderKL)
    return sharpener.run(options.folder, options.device, decoded)


def _generator_run(options: argparse.Namespace) -> Run:
    return generator.run(options.folder, options.device, _autoencoder(options))


def _finish_run(options: argparse.Namespace) -> Run:
    vae = _autoencoder(options)
    generated = generator.run(options.folder, options.device, vae).finished()
    return generator.finish_run(options.folder, options.device, vae, generated)


def _autoencoder(options: argparse.Namespace) -> AutoencoderKL:
    """The finished first run's autoencoder, with the scaling factor that its latents ask for."""
    vae = autoencoder.run(options.folder, options.device).finished()
    assert isinstance(vae, AutoencoderKL)
    factor = encoded.scaling_factor(vae, options.folder, options.device)
    vae.register_to_config(scaling_factor=factor)
    return vae


def _write(options: argparse.Namespace) -> None:
    caption_run = captioner.run(options.folder, options.device)
    captioner.save(caption_run.finished(), options.output / "captioner")
    model_cards.write(options.output / "captioner", [caption_run])
    vae_run = autoencoder.run(options.folder, options.device)
    vae_run.finished()
    runs = (
        _decoder_run(options),
        _sharpener_run(options),
        _generator_run(options),
        _finish_run(options),
    )
    _, sharpened, _, denoiser = (run.finished() for run in runs)
    generator.save(denoiser, sharpened.vae, options.output / "generator")
    model_cards.write(options.output / "generator", [vae_run, *runs])


def _fit_familiarity(options: argparse.Namespace) -> None:
    folder = options.output / "captioner"
    blip = Blip.load(LocalCheckpoint.open(DEMO_CAPTIONER, folder), Placement(options.device))
    vae = AutoencoderKL.from_pretrained(options.output / "generator" / "vae", variant="fp16")
    familiarity.fit(blip, vae.float(), folder)


PARTS = {
    "captioner": _train_captioner,
    "autoencoder": _train_autoencoder,
    "decoder": _train_decoder,
    "sharpener": _train_sharpener,
    "generator": _train_generator,
    "finish": _train_finish,
    "write": _write,
    "familiarity": _fit_familiarity,
}


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="scripts/train_demo",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("parts", nargs="*", help=f"of {', '.join(PARTS)} (all)")
    parser.add_argument("--folder", type=Path, default=Store().folder / "training")
    parser.add_argument("--output", type=Path, default=Store().folder / "demo")
    parser.add_argument("--device", type=torch.device, default=torch.device("cpu"))
    parser.add_argument("--threads", type=int, default=usable_cores())
    options = parser.parse_args()
    options.parts = options.parts or list(PARTS)
    if unknown := set(options.parts) - set(PARTS):
        parser.error(f"unknown part {', '.join(sorted(unknown))}: use {', '.join(PARTS)}")
    return options


if __name__ == "__main__":
    main()
