"""The server: settings, models, engines, serve. ``scripts/serve`` runs it."""

import logging
import os
import sys
import warnings
from collections.abc import Sequence
from functools import partial
from typing import NoReturn

from models_cache import environment

environment.prepare()

import captioner.engine
import generator.engine
from generator.pipeline import read_model_info
from models_cache.advice import CannotStart
from models_cache.catalog import ROLES, Family
from models_cache.runtime.model_thread import DEVICE_LOST
from models_cache.terminal import READER_LEFT
from webapp import create_app
from webapp.job_store import JobStore
from webapp.limits import Limits
from webapp.models import ModelPair
from webapp.server import FINISHED, CannotListen, Server, bind, stop_on_signals
from webapp.services import ModelCard, Services
from webapp.settings import Settings

PROGRAM = "scripts/serve"
NOT_LOADED = "The models could not be loaded: the server's log says why."


def main(arguments: Sequence[str]) -> int:
    """The exit code: 0 after a clean stop, 1 if a model could not be loaded, 2 if the server could
    not start, 3 if work was cut, 4 if the GPU has failed.
    """
    logging.basicConfig(format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    # waitress warns whenever a request waits for a thread; that is normal here.
    logging.getLogger("waitress.queue").setLevel(logging.ERROR)
    # Pillow warns of odd metadata in pictures that it reads all the same.
    warnings.filterwarnings("ignore", module="PIL")
    settings = Settings.read(arguments, os.environ)
    try:
        names = {Family.BLIP: settings.captioner, Family.SDXL: settings.generator}
        models = ModelPair.choose(
            settings.models,
            names,
            settings.device,
            settings.memory,
            settings.dtype,
            settings.fast_path,
        )
        services = make_services(settings, models)
        sockets = bind(settings.host, [settings.port, settings.api_port])
    except CannotStart as error:
        print(f"{PROGRAM}: {error}", file=sys.stderr)
        return 2
    except CannotListen as error:
        flag = "--port" if error.port == settings.port else "--api-port"
        print(f"{PROGRAM}: {error}. Choose another with {flag}.", file=sys.stderr)
        return 2
    app = create_app(settings, services)
    server = Server(
        app,
        sockets,
        Limits(max_request_body_bytes=2 * settings.max_upload_bytes),
        is_busy=services.jobs.are_awaited,
    )
    app.config["API_PORT"] = server.ports[1]
    stop_on_signals(server)
    _announce(settings, server)
    return _run(server, services, models)


def make_services(settings: Settings, models: ModelPair) -> Services:
    """The engines wait for their models, which ``_run`` loads. Raises CannotStart."""
    info = read_model_info(models.checkpoints[Family.SDXL])
    known_models = [(family, each.known) for family, each in models.checkpoints.items()]
    return Services(
        captioner.engine.Engine(),
        generator.engine.Engine(max_batch_size=models.placement.max_batch_size, info=info),
        JobStore(settings.max_stored_jobs, settings.max_stored_bytes),
        knows_photos=not models.checkpoints[Family.BLIP].known.is_demo,
        loading=list(models.progress.values()),
        models=[
            ModelCard(ROLES[family], known.name, str(models.placement.device), known.licence)
            for family, known in known_models
        ],
        cuda_problem=models.cuda_problem,
    )


def _announce(settings: Settings, server: Server) -> None:
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    page, api = server.ports
    print(f"The page:  http://{host}:{page}/")
    print(f"The API:   http://{host}:{api}/generate-image?prompt=a+red+house+by+the+sea")
    print("No safety checker, no watermark: whoever shares this answers for its images.")
    sys.stdout.flush()


def _run(server: Server, services: Services, models: ModelPair) -> int:
    codes: list[int] = []

    def give_up(code: int, reason: str) -> None:
        codes.append(code)
        # Neither works without the other, and no request is to wait for what will not come.
        services.captioner.end(reason)
        services.generator.end(reason)
        server.stop()

    ends = partial(give_up, 1, NOT_LOADED), partial(give_up, 4, DEVICE_LOST)
    services.captioner.start(models.load_captioner, *ends)
    services.generator.start(models.load_generator, *ends)
    code = server.run()
    if codes:
        return codes[0]
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
