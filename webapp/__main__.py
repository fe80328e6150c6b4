"""The server: settings, models, engines, serve. ``scripts/serve`` runs it."""

import logging
import os
import sys
import time
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from threading import Event
from typing import NoReturn

from models_cache import environment

environment.prepare()

import captioner.blip
import captioner.deferred
import captioner.engine
import generator.deferred
import generator.engine
import generator.pipeline
from captioner.blip import Blip, in_passing
from generator.model_info import Defaults
from generator.pipeline import read_model_info
from generator.sdxl import SDXL
from models_cache.choice import Choice, Located
from models_cache.layout import WrongCheckpoint
from models_cache.loading import Loading, Placing
from models_cache.placement import Placement
from models_cache.start import CannotStart, choose_both, place_models
from models_cache.terminal import READER_LEFT
from webapp import create_app
from webapp.job_store import JobStore
from webapp.limits import Limits
from webapp.server import FINISHED, CannotListen, Server, bind, stop_on_signals
from webapp.services import Services
from webapp.settings import Settings

PROGRAM = "scripts/serve"
NOT_LOADED = "The models could not be loaded: the server's log says why."


def main(arguments: Sequence[str]) -> int:
    """The exit code: 0 after a clean stop, 1 where a model could not be loaded, 2 where the server
    could not start, 3 where work was cut.
    """
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
        folders = choice.captioner.folder, choice.generator.folder
        placement = place_models(settings.memory, *folders, device)
        models = Models.of(choice, placement)
        sockets = bind(settings.host, [settings.port, settings.api_port])
    except (CannotStart, WrongCheckpoint) as error:
        print(f"{PROGRAM}: {error}", file=sys.stderr)
        return 2
    except CannotListen as error:
        flag = "--port" if error.port == settings.port else "--api-port"
        print(f"{PROGRAM}: {error}. Choose another with {flag}.", file=sys.stderr)
        return 2
    services = make_services(settings, models, placement)
    server = Server(
        create_app(settings, services),
        sockets,
        Limits(max_request_body_bytes=2 * settings.max_upload_bytes),
        is_busy=services.jobs.are_awaited,
    )
    stop_on_signals(server)
    _announce(settings, server)
    return _run(server, services, models)


@dataclass(frozen=True)
class Models:
    """Both, still to be loaded, each by the thread that will own it."""

    captioner: captioner.deferred.Deferred
    generator: generator.deferred.Deferred
    loadings: tuple[Loading, Loading]
    knows_photos: bool

    @classmethod
    def of(cls, choice: Choice, placement: Placement) -> "Models":
        words, paints = choice.captioner, choice.generator
        reading = captioner.blip.loading(words.folder, words.checkpoint.name)
        painting = generator.pipeline.loading(paints.folder, paints.checkpoint.name)
        info = read_model_info(paints.folder, paints.checkpoint.name, defaults(paints))
        # While no other thread makes a model, and before anything listens.
        captioner.blip.check_weights(words.folder)
        generator.pipeline.check_weights(paints.folder)
        placing = Placing(2)
        return cls(
            captioner.deferred.Deferred(lambda: load_captioner(words, placement, reading, placing)),
            generator.deferred.Deferred(
                info, lambda: load_generator(paints, placement, painting, placing)
            ),
            (reading, painting),
            knows_photos=not words.checkpoint.is_demo,
        )


def load_captioner(
    located: Located, placement: Placement, progress: Loading, placing: Placing
) -> Blip:
    """Loaded and warm. For the thread that is to own it."""
    started = time.monotonic()
    with placing(progress):
        # In passing, as what a thread has computed with stays: captioner.blip says why.
        blip = in_passing(placement.device, lambda: _blip(located, placement))
    blip.warm_up()
    _tell("captioner", started, placement, progress)
    return blip


def _blip(located: Located, placement: Placement) -> Blip:
    name = located.checkpoint.name
    return Blip.load(located.folder, placement.device, name, placement.turns)


def load_generator(
    located: Located, placement: Placement, progress: Loading, placing: Placing
) -> SDXL:
    """Loaded and warm. For the thread that is to own it."""
    started = time.monotonic()
    name, wanted = located.checkpoint.name, defaults(located)
    with placing(progress):
        sdxl = SDXL.load(located.folder, placement.device, name, wanted, placement.turns)
    sdxl.warm_up()
    _tell("generator", started, placement, progress)
    return sdxl


def defaults(located: Located) -> Defaults:
    checkpoint = located.checkpoint
    return Defaults(checkpoint.num_inference_steps, checkpoint.guidance_scale)


def _tell(role: str, started: float, placement: Placement, progress: Loading) -> None:
    progress.finish()
    seconds = time.monotonic() - started
    print(f"The {role} is warm on {placement.device} after {seconds:.1f} s.", file=sys.stderr)


def make_services(settings: Settings, models: Models, placement: Placement) -> Services:
    return Services(
        captioner.engine.Engine(models.captioner),
        generator.engine.Engine(models.generator, placement.at_once),
        JobStore(settings.max_stored_jobs, settings.max_stored_bytes),
        knows_photos=models.knows_photos,
        loadings=models.loadings,
    )


def _announce(settings: Settings, server: Server) -> None:
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    page, api = server.ports
    print(f"The page:  http://{host}:{page}/", flush=True)
    print(
        f"The API:   http://{host}:{api}/generate-image?prompt=a+red+house+by+the+sea", flush=True
    )


def _run(server: Server, services: Services, models: Models) -> int:
    failed = Event()

    def give_up() -> None:
        failed.set()
        # Neither works without the other, and nobody is to wait for what will not come.
        services.captioner.end(NOT_LOADED)
        services.generator.end(NOT_LOADED)
        server.stop()

    services.captioner.start(models.captioner.load, give_up)
    services.generator.start(models.generator.load, give_up)
    code = server.run()
    if failed.is_set():
        return 1
    # A step of what was cut may take minutes, and so may what is left to load: nobody waits for it.
    if code == FINISHED and services.are_ready:
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
    except BrokenPipeError:  # whoever read the addresses has gone
        os._exit(READER_LEFT)
