"""Trains the demo models from nothing and writes them as diffusers and transformers do.

A run that was cut goes on from its last checkpoint; delete the training folder to start anew.
"""

import argparse
from pathlib import Path

import torch
from diffusers import AutoencoderKL

from scripts.demo_models import autoencoder, captioner, generator, model_cards

PARTS = ("captioner", "autoencoder", "generator")


def main() -> None:
    options = _options()
    torch.set_num_threads(options.threads)
    if "captioner" in options.parts:
        _train_captioner(options)
    if "autoencoder" in options.parts:
        autoencoder.run(options.folder, options.device).train()
    if "generator" in options.parts:
        _train_generator(options)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="scripts/train_demo",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("parts", nargs="*", help=f"of {', '.join(PARTS)} (all)")
    parser.add_argument("--folder", type=Path, default=Path("models_cache/training"))
    parser.add_argument("--output", type=Path, default=Path("models_cache/demo"))
    parser.add_argument("--device", type=torch.device, default=torch.device("cpu"))
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    options = parser.parse_args()
    options.parts = options.parts or PARTS
    if unknown := set(options.parts) - set(PARTS):
        parser.error(f"unknown part {', '.join(sorted(unknown))}: use {', '.join(PARTS)}")
    return options


def _train_captioner(options: argparse.Namespace) -> None:
    run = captioner.run(options.folder, options.device)
    captioner.save(run.train().cpu(), options.output / "captioner")
    model_cards.write(options.output / "captioner", [run])


def _train_generator(options: argparse.Namespace) -> None:
    vae_run = autoencoder.run(options.folder, options.device)
    vae = vae_run.train()
    assert isinstance(vae, AutoencoderKL)
    vae.register_to_config(scaling_factor=generator.scaling_factor(vae, options.device))
    run = generator.run(options.folder, options.device, vae)
    generator.save(run.train().cpu(), vae.cpu(), options.output / "generator")
    model_cards.write(options.output / "generator", [vae_run, run])


main()
