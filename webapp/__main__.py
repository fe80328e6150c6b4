"""The server: settings, models, engines, serve. ``scripts/serve`` runs it."""

import logging
import os
import sys
import warnings
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from threading import Event
from typing import NoReturn

from models_cache import environment

environment.prepare()

import captioner.blip
import captioner.engine
import generator.engine
import generator.pipeline
from captioner.blip import Blip
from generator.pipeline import read_model_info
from generator.sdxl import SDXL
from models_cache.advice import CannotStart
from models_cache.catalog import Family
from models_cache.choose import choose
from models_cache.local_checkpoint import LocalCheckpoint
from models_cache.runtime.device import pick_device
from models_cache.runtime.gpu_fit import Placement, place
from models_cache.runtime.loading import ConstructionLock, LoadProgress, load_warm
from models_cache.runtime.tensors import check_weights
from models_cache.terminal import READER_LEFT
from webapp import create_app
from webapp.job_store import JobStore
from webapp.limits import Limits
from webapp.server import FINISHED, CannotListen, Server, bind, stop_on_signals
from webapp.services import Services
from webapp.settings import Settings

Checkpoints = Mapping[Family, LocalCheckpoint]

PROGRAM = "scripts/serve"
NOT_LOADED = "The models could not be loaded: the server's log says why."


def main(arguments: Sequence[str]) -> int:
    """The exit code: 0 after a clean stop, 1 if a model could not be loaded, 2 if the server could
    not start, 3 if work was cut.
    """
    logging.basicConfig(format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    # waitress warns whenever a request waits for a thread; that is normal here.
    logging.getLogger("waitress.queue").setLevel(logging.ERROR)
    # Pillow warns of odd metadata in pictures that it reads all the same.
    warnings.filterwarnings("ignore", module="PIL")
    settings = Settings.read(arguments, os.environ)
    try:
        checkpoints, placement = choose_models(settings)
        services = make_services(settings, checkpoints, placement)
        sockets = bind(settings.host, [settings.port, settings.api_port])
    except CannotStart as error:
        print(f"{PROGRAM}: {error}", file=sys.stderr)
        return 2
    except CannotListen as error:
        flag = "--port" if error.port == settings.port else "--api-port"
        print(f"{PROGRAM}: {error}. Choose another with {flag}.", file=sys.stderr)
        return 2
    server = Server(
        create_app(settings, services),
        sockets,
        Limits(max_request_body_bytes=2 * settings.max_upload_bytes),
        is_busy=services.jobs.are_awaited,
    )
    stop_on_signals(server)
    _announce(settings, server)
    return _run(server, services, checkpoints, placement)


def choose_models(settings: Settings) -> tuple[Checkpoints, Placement]:
    """Says which models, why, and where they will be. Raises CannotStart.

    Compares their weights with their configs: before anything listens, and while no other thread
    constructs a model.
    """
    device = pick_device(settings.device)
    names = {Family.BLIP: settings.captioner, Family.SDXL: settings.generator}
    choice = choose(settings.models, names, has_cuda=device.type == "cuda")
    print(choice.reason, file=sys.stderr)
    checkpoints = choice.checkpoints
    placement = place(settings.memory, checkpoints.values(), device)
    check_weights(checkpoints[Family.BLIP], captioner.blip.COMPONENTS)
    check_weights(checkpoints[Family.SDXL], generator.pipeline.COMPONENTS)
    return checkpoints, placement


def make_services(settings: Settings, checkpoints: Checkpoints, placement: Placement) -> Services:
    """The engines wait for their models, which ``start_engines`` loads. Raises CannotStart."""
    info = read_model_info(checkpoints[Family.SDXL])
    return Services(
        captioner.engine.Engine(),
        generator.engine.Engine(max_batch_size=placement.max_batch_size, info=info),
        JobStore(settings.max_stored_jobs, settings.max_stored_bytes),
        knows_photos=not checkpoints[Family.BLIP].known.is_demo,
        loading=[LoadProgress(checkpoints[family]) for family in Family],
    )


def start_engines(
    services: Services,
    checkpoints: Checkpoints,
    placement: Placement,
    on_failure: Callable[[], None],
) -> None:
    """Has each engine's thread load its model, side by side."""
    lock = ConstructionLock(2)
    captioning, painting = services.loading
    load = partial(load_warm, placement=placement, lock=lock)
    services.captioner.start(
        lambda: load(Blip.load, checkpoints[Family.BLIP], progress=captioning), on_failure
    )
    services.generator.start(
        lambda: load(SDXL.load, checkpoints[Family.SDXL], progress=painting), on_failure
    )


def _announce(settings: Settings, server: Server) -> None:
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    page, api = server.ports
    print(f"The page:  http://{host}:{page}/", flush=True)
    print(
        f"The API:   http://{host}:{api}/generate-image?prompt=a+red+house+by+the+sea", flush=True
    )


def _run(server: Server, services: Services, checkpoints: Checkpoints, placement: Placement) -> int:
    failed = Event()

    def give_up() -> None:
        failed.set()
        # Neither works without the other, and no request is to wait for what will not come.
        services.captioner.end(NOT_LOADED)
        services.generator.end(NOT_LOADED)
        server.stop()

    start_engines(services, checkpoints, placement, give_up)
    code = server.run()
    if failed.is_set():
        return 1
    # A step of what was cut may take minutes, and so may what is left to load: we do not wait.
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
