"""The server: settings, models, engines, serve. ``scripts/serve`` runs it."""

import logging
import os
import sys
import time
import warnings
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, NoReturn

from models_cache import environment

environment.prepare()

import captioner.desk
import captioner.engine
import captioner.remote
import generator.engine
import generator.remote
from generator.desk import Desk
from generator.marking import Marking
from generator.pipeline import read_model_info
from models_cache.advice import CannotStart
from models_cache.catalog import ROLES, Family
from models_cache.flags import Models
from models_cache.runtime.gpu_fit import CPU_BATCH_SIZE, MAX_BATCH_SIZE
from models_cache.runtime.model_thread import DEVICE_LOST, STOPPING
from models_cache.terminal import READER_LEFT
from webapp import addresses, create_app, logs
from webapp.early_signals import ignore, on_hangup
from webapp.hosts import is_loopback
from webapp.invite import show
from webapp.job_store import JobStore
from webapp.keep.archive import Archive
from webapp.keep.resume import begin
from webapp.keys import Keys
from webapp.limits import Limits
from webapp.models import ModelPair
from webapp.server import FINISHED, CannotListen, Server, bind, stop_on_signals
from webapp.services import ModelCard, Services
from webapp.settings import Settings
from webapp.watchdog import HUNG, Watchdog

PROGRAM = "scripts/serve"
LAST_STEP_SECONDS = 10.0  # a trial may take minutes
SUDDEN = (4, 5, 6)  # exit codes of what a job may have caused
if TYPE_CHECKING:
    from webapp.cluster import Cluster

NOT_LOADED = "The models could not be loaded: the server's log says why."


def main(arguments: Sequence[str]) -> int:
    """The exit code: 0 after a clean stop, 1 if a model could not be loaded, 2 if the server could
    not start, 3 if work was cut, 4 if the GPU has failed, 5 if an engine has died of a fault of
    ours, 6 if a model hangs.
    """
    # Pillow warns of odd metadata in pictures that it reads all the same.
    warnings.filterwarnings("ignore", module="PIL")
    settings = Settings.read(arguments, os.environ)
    recent = logs.configure(settings.log_format)
    try:
        keys = read_keys(settings)
        marking = read_marking(settings)
        archive = open_archive(settings)
        models = ModelPair.of(settings)
        services = make_services(settings, models, keys, recent, marking)
        sockets = bind(settings.host, [settings.port, settings.api_port])
        cluster = open_cluster(settings, models)
    except CannotStart as error:
        print(f"{PROGRAM}: {error}", file=sys.stderr)
        return 2
    except CannotListen as error:
        port_flag = "--port" if error.port == settings.port else "--api-port"
        flag = port_flag if error.is_of_port else "--host"
        print(f"{PROGRAM}: {error}. Choose another with {flag}.", file=sys.stderr)
        return 2
    keeper = begin(archive, services, settings.log_prompts) if archive is not None else None
    app = create_app(settings, services)
    server = Server(
        app,
        sockets,
        Limits(max_request_body_bytes=2 * settings.max_upload_bytes),
        is_busy=services.jobs.are_awaited,
    )
    app.config["API_PORT"] = server.ports[1]
    stop_on_signals(server)
    if keeper is not None:
        keeper.start()
    on_hangup(server.stop, keys.reread if keys is not None else ignore)
    _announce(settings, server, keys)
    step_seconds = settings.step_seconds(models.placement.device.type)
    code = _run(server, services, cluster or models, step_seconds)
    if cluster is not None:  # nothing may be sent to replicas any more
        services.captioner.end(STOPPING)
        services.generator.end(STOPPING)
    if keeper is not None:
        keeper.close(is_sudden=code in SUDDEN)
    if cluster is not None:
        cluster.close()
    return code


def open_archive(settings: Settings) -> Archive | None:
    """None if nothing is to be kept on a disk. Raises CannotStart."""
    if settings.keep is None:
        return None
    return Archive.open(settings.keep, settings.max_kept_bytes, settings.max_kept_days)


def open_cluster(settings: Settings, models: ModelPair) -> "Cluster | None":
    """None if both models run in this process. Raises CannotStart."""
    if settings.engines is None:
        return None
    os.environ.setdefault("RAY_ENABLE_AUTO_CONNECT", "0")  # a late call must make no cluster anew
    try:  # not everybody has what it needs, nor wants it loaded
        from webapp.cluster import Cluster
    except ImportError as error:
        raise CannotStart(
            "--engines needs Ray, and that is not installed",
            "Start with: scripts/serve --with ray",
        ) from error
    # The most that any has room for: what the server itself finds free tells nothing of them.
    is_cuda = models.placement.device.type == "cuda"
    return Cluster(naming(models, settings), MAX_BATCH_SIZE if is_cuda else CPU_BATCH_SIZE)


def naming(models: ModelPair, settings: Settings) -> Settings:
    """Settings that name both models, so that others choose the same."""
    named = {Family.BLIP: settings.captioner, Family.SDXL: settings.generator}
    others = [
        each.known.is_demo for family, each in models.checkpoints.items() if not named[family]
    ]
    return replace(settings, models=Models.DEMO if all(others) else Models.FULL)


def read_keys(settings: Settings) -> Keys | None:
    """None if none are needed. Raises CannotStart."""
    if settings.key_file is None:
        return None
    keys = Keys.read(settings.key_file, make=True)
    if keys.are_readable_by_others():
        print(f"Others on this machine can read {keys.file}: chmod 600 mends it.", file=sys.stderr)
    return keys


def read_marking(settings: Settings) -> Marking:
    """Raises CannotStart."""
    if settings.c2pa_key is None:
        return Marking(is_on=not settings.no_marking)
    try:  # not everybody has what it needs, nor wants it loaded
        from webapp.content_credentials import ContentCredentials
    except ImportError as error:
        raise CannotStart(
            "--c2pa-key needs c2pa-python, and that is not installed",
            "Start with: scripts/serve --with c2pa",
        ) from error
    return Marking(sign=ContentCredentials.open(settings.c2pa_key).sign)


def make_services(
    settings: Settings,
    models: ModelPair,
    keys: Keys | None = None,
    recent: logs.Recent | None = None,
    marking: Marking | None = None,
) -> Services:
    """The engines wait for their models, which ``_run`` loads. Raises CannotStart."""
    info = read_model_info(models.checkpoints[Family.SDXL])
    info = replace(info, marking=marking or Marking())
    known_models = [(family, each.known) for family, each in models.checkpoints.items()]
    where = str(models.placement.device)
    captions: captioner.desk.Desk[Any] = captioner.engine.Engine()
    images: Desk[Any, Any]
    images = generator.engine.Engine(max_batch_size=models.placement.max_batch_size, info=info)
    if settings.engines is not None:
        captions, images, where = (
            captioner.remote.Remote(),
            generator.remote.Remote(info),
            "replicas",
        )
    return Services(
        captions,
        images,
        JobStore(settings.max_stored_jobs, settings.max_stored_bytes),
        knows_photos=not models.checkpoints[Family.BLIP].known.is_demo,
        loading=list(models.progress.values()),
        models=[
            ModelCard(ROLES[family], known.name, where, known.licence)
            for family, known in known_models
        ],
        cuda_problem=models.cuda_problem,
        keys=keys,
        recent=recent or logs.Recent(),
        gpu_memory=models.gpu_memory if settings.engines is None else lambda: None,
    )


def _announce(settings: Settings, server: Server, keys: Keys | None) -> None:
    page, api = (addresses.url(settings.host, port) for port in server.ports)
    print(f"The page:  {page}")
    print(f"The API:   {api}generate-image?prompt=a+red+house+by+the+sea")
    print("No safety checker: whoever shares this answers for its images.")
    if settings.no_marking:
        print("Image files do not say that a model made them.")
    if keys is not None:
        _announce_keys(settings, keys, page)
    elif settings.insecure_open:
        print("No key is needed: whoever reaches these addresses may use them.")
    sys.stdout.flush()


def _announce_keys(settings: Settings, keys: Keys, page: str) -> None:
    print(f"Each needs a key of {keys.file}. Programs send: Authorization: Bearer KEY")
    if not is_loopback(settings.host):
        print("Over http, keys and pictures can be read on their way: docs/access.md has a remedy.")
    if settings.trusted_proxy or settings.allowed_host:
        print("To let a browser in: scripts/invite --url, with the address that others type")
    else:
        show(page, next(iter(keys.by_name.values())))


def _run(
    server: Server, services: Services, models: "ModelPair | Cluster", step_seconds: float
) -> int:
    codes: list[int] = []

    def give_up(code: int, reason: str) -> None:
        codes.append(code)
        # Neither works without the other, and no request is to wait for what will not come.
        services.captioner.end(reason)
        services.generator.end(reason)
        server.stop()

    ends = (
        partial(give_up, 1, NOT_LOADED),
        partial(give_up, 4, DEVICE_LOST),
        partial(give_up, 5, STOPPING),
    )
    services.captioner.start(models.load_captioner, *ends)
    services.generator.start(models.load_generator, *ends)
    engines = services.captioner, services.generator
    if services.generator.replicas is None:  # each replica has one of its own
        Watchdog(engines, step_seconds, partial(give_up, 6, HUNG)).start()
    code = server.run()
    if codes:
        return codes[0]
    # A step of what was cut may take minutes, and so may what is left to load: we do not wait.
    if code == FINISHED and services.are_ready:
        until = time.monotonic() + LAST_STEP_SECONDS
        for engine in engines:
            engine.close(lambda: time.monotonic() < until and not server.is_pressed)
    if fast_path := services.generator.fast_path:
        fast_path.abandon()  # of what this stop ends it is no sign that it ended the process
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
