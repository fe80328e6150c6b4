"""The server: settings, models, engines, serve. ``scripts/serve`` runs it."""

import logging
import os
import sys
import time
import warnings
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import BoundedSemaphore
from typing import NoReturn

# Before any import that reads them: with the weights at hand nothing is ever looked up.
os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
os.environ.setdefault("DIFFUSERS_VERBOSITY", "error")

import torch
from PIL import Image

import captioner.engine
import generator.engine
from captioner.blip import Blip
from captioner.request import CaptionRequest
from generator.sdxl import SDXL, Defaults
from models_cache.choice import Choice
from models_cache.start import CannotStart, choose_both
from webapp import create_app
from webapp.job_store import JobStore
from webapp.limits import Limits
from webapp.server import FINISHED, CannotListen, Server, bind, stop_on_signals
from webapp.services import Services
from webapp.settings import Settings

PROGRAM = "scripts/serve"


def main(arguments: Sequence[str]) -> int:
    """The exit code: 0 after a clean stop, 2 where it could not start, 3 where work was cut."""
    logging.basicConfig(format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    # That more requests wait than there are idle threads is no news, and mended at once.
    logging.getLogger("waitress.queue").setLevel(logging.ERROR)
    # Pillow warns of odd metadata in pictures that it reads all the same.
    warnings.filterwarnings("ignore", module="PIL")
    settings = Settings.read(arguments, os.environ)
    try:
        choice, device = choose_both(
            settings.models, settings.captioner, settings.generator, settings.device
        )
        sockets = bind(settings.host, [settings.port, settings.api_port])
    except CannotStart as error:
        print(f"{PROGRAM}: {error}", file=sys.stderr)
        return 2
    except CannotListen as error:
        flag = "--port" if error.port == settings.port else "--api-port"
        print(f"{PROGRAM}: {error}. Choose another with {flag}.", file=sys.stderr)
        return 2
    services = load_services(settings, choice, device)
    server = Server(
        create_app(settings, services),
        sockets,
        Limits(max_request_body_bytes=2 * settings.max_upload_bytes),
        is_busy=services.jobs.are_awaited,
    )
    stop_on_signals(server)
    _announce(settings, server)
    return _run(server, services)


def load_services(settings: Settings, choice: Choice, device: torch.device) -> Services:
    """Both models, loaded and warm, each under an engine that is still to be started."""
    # On a thread that ends, as its OpenMP pool would slow down the engine's (captioner.blip).
    with ThreadPoolExecutor(1, "loading") as passing:
        return passing.submit(_load_services, settings, choice, device).result()


def _load_services(settings: Settings, choice: Choice, device: torch.device) -> Services:
    started = time.monotonic()
    blip = Blip.load(choice.captioner.folder, device, choice.captioner.checkpoint.name)
    checkpoint = choice.generator.checkpoint
    defaults = Defaults(checkpoint.num_inference_steps, checkpoint.guidance_scale)
    sdxl = SDXL.load(choice.generator.folder, device, checkpoint.name, defaults)
    warm_up(blip, sdxl)
    print(
        f"Models are loaded and warm on {device} after {time.monotonic() - started:.1f} s.",
        file=sys.stderr,
    )
    # Larger batches gain nothing on a GPU, where four images at once fill it.
    max_batch_size = 4 if device.type == "cuda" else 8
    return Services(
        captioner.engine.Engine(blip),
        generator.engine.Engine(sdxl, max_batch_size),
        JobStore(settings.max_stored_jobs, settings.max_stored_bytes),
        knows_photos=not choice.captioner.checkpoint.is_demo,
        streams=BoundedSemaphore(settings.max_streams),
    )


def warm_up(blip: Blip, sdxl: SDXL) -> None:
    """Runs every part once: the first request is to find no lazy initialisation left."""
    blip.caption_batch([CaptionRequest(Image.new("RGB", (64, 64)), max_new_tokens=2)])
    sample = sdxl.prepare(sdxl.info.request("warm", num_inference_steps=1, seed=0))
    while not sample.is_denoised:
        sdxl.denoise([sample])
    sdxl.decode(sample)


def _announce(settings: Settings, server: Server) -> None:
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    page, api = server.ports
    print(f"The page:  http://{host}:{page}/", flush=True)
    print(
        f"The API:   http://{host}:{api}/generate-image?prompt=a+red+house+by+the+sea", flush=True
    )


def _run(server: Server, services: Services) -> int:
    services.captioner.start()
    services.generator.start()
    code = server.run()
    if code == FINISHED:  # a step of what was cut may take minutes: nobody waits for it
        services.captioner.close()
        services.generator.close()
    return code


def _exit(code: int) -> NoReturn:
    """Leaves at once: threads of requests that were cut may still be in a view, or in torch."""
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


if __name__ == "__main__":
    try:
        _exit(main(sys.argv[1:]))
    except KeyboardInterrupt:  # while the models were loading; later a signal means to drain
        _exit(130)
