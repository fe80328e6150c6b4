"""A cluster of Ray, the replicas that it runs, and calls of them."""

import asyncio
import logging
import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import ray
from ray import serve
from ray.exceptions import RayError, RayTaskError
from ray.serve.exceptions import RayServeException
from ray.serve.handle import DeploymentHandle

from captioner.request import Caption, CaptionRequest
from generator.fewest_steps import LOAD
from generator.job import Event, Job
from generator.remote import Seen
from generator.request import GenerationRequest
from models_cache.advice import CannotStart
from models_cache.runtime.model_thread import (
    SECONDS_BETWEEN_LOOKS,
    EngineClosed,
    OtherModelFailed,
    ReplicaLost,
)
from models_cache.runtime.trial import first_line
from webapp.deployments import NAMES, replica_count, target
from webapp.replicas import Order
from webapp.settings import Settings
from webapp.versions import versions

LOCAL = "ray"  # what --engines says for a cluster of this machine alone
FAILED = ("DEPLOY_FAILED", "UNHEALTHY")  # of an application that has no replica
LONGEST_SILENCE_SECONDS = 15.0
SECONDS_BETWEEN_COMPLAINTS = 60.0
ROOM_SECONDS = 60.0
CONNECT_SECONDS = 10.0
ADVICE = "docs/scaling.md tells how."

log = logging.getLogger(__name__)


class Cluster:
    """``load_generator`` and ``load_captioner`` wait for replicas, each on a thread of its own.

    ``room`` is how many images a replica is thought to paint at a time. ``settings`` name both
    models. Raises CannotStart if no cluster is reached, or it does not take what is asked for.
    """

    def __init__(self, settings: Settings, room: int) -> None:
        self.settings = settings
        self.room = room
        # Others may serve on the same cluster; after a crash this one replaces its own replicas.
        self._apps = {name: f"{name}-{socket.gethostname()}-{settings.port}" for name in NAMES}
        self._counts = dict.fromkeys(NAMES, 0)
        self._told: dict[str, tuple[str, str]] = {}  # each application's status, and why
        self._looked = time.monotonic()
        self._closed = threading.Event()
        connect(settings.engines or LOCAL)
        self._handles = self._deploy()
        self._watcher = threading.Thread(target=self._watch, name="cluster", daemon=True)
        self._watcher.start()

    def count(self, name: str) -> int:
        """Its replicas that run; none if the cluster has told nothing for a while."""
        is_known = time.monotonic() - self._looked < LONGEST_SILENCE_SECONDS
        return self._counts[name] if is_known else 0

    def load_generator(self) -> "Painters":
        self._wait_for("painter")
        painters = Painters(self, self._handles["painter"])
        self.room = min(self.room, painters.room_of_one())
        return painters

    def load_captioner(self) -> "Captioners":
        self._wait_for("captioner")
        return Captioners(self, self._handles["captioner"])

    def close(self) -> None:
        """Ends the replicas, and a cluster of this machine alone."""
        self._closed.set()
        self._watcher.join(LONGEST_SILENCE_SECONDS)
        with suppress(Exception):  # Ray raises many kinds; there is nothing more to be done
            for app in self._apps.values() if self.settings.engines != LOCAL else ():
                serve.delete(app, _blocking=False)
        ray.shutdown()

    def _deploy(self) -> dict[str, DeploymentHandle[Any]]:
        """Begins to make replicas, and does not wait for them. Raises CannotStart."""
        count, most = replica_count(self.settings), self.settings.max_replicas
        if most is not None and most < count:
            problem = f"there would be {count} replicas, one a GPU, where {most} are the most"
            raise CannotStart(problem, "Say --replicas too.")
        order = Order(self.settings, versions(), self.room)
        targets = [
            serve.RunTarget(target(name, order), name=app, route_prefix=None)
            for name, app in self._apps.items()
        ]
        try:
            handles = serve.run_many(targets, wait_for_applications_running=False)
        except Exception as error:  # Ray raises many kinds
            raise CannotStart(f"Ray takes no replicas ({first_line(error)})", ADVICE) from error
        return dict(zip(NAMES, handles, strict=True))

    def _wait_for(self, name: str) -> None:
        """Raises RuntimeError if its replicas cannot be made, OtherModelFailed once closed."""
        told = time.monotonic()
        while not self.count(name):
            status, why = self._told.get(name, ("", ""))
            if status in FAILED:
                raise RuntimeError(f"no replica of the {name} could be made: {why}")
            if time.monotonic() - told > SECONDS_BETWEEN_COMPLAINTS:
                log.warning("still waiting for a replica of the %s: %s", name, why or status)
                told = time.monotonic()
            if self._closed.wait(SECONDS_BETWEEN_LOOKS / 4):
                raise OtherModelFailed  # or the server stops: either is told elsewhere

    def _watch(self) -> None:
        while not self._closed.wait(SECONDS_BETWEEN_LOOKS):
            self._look()

    def _look(self) -> None:
        """Counts the replicas that run. Of a cluster that cannot be reached there are none."""
        try:
            found = serve.status().applications
        except Exception:  # Ray raises many kinds, of several modules, while it comes or goes
            found = {}
        for name, app in self._apps.items():
            deployments = found[app].deployments if app in found else {}
            states = deployments[name].replica_states if name in deployments else {}
            self._counts[name] = states.get("RUNNING", 0)  # type: ignore[call-overload]
            if app in found:
                why = deployments[name].message if name in deployments else found[app].message
                self._told[name] = found[app].status.value, why.strip().rpartition("\n")[2]
        self._looked = time.monotonic()


class Painters:
    """What ``generator.remote`` needs of a cluster."""

    def __init__(self, cluster: Cluster, handle: DeploymentHandle[Any]) -> None:
        self._cluster = cluster
        self._handle = handle.options(stream=True)

    @property
    def count(self) -> int:
        return self._cluster.count("painter")

    @property
    def room(self) -> int:
        return self._cluster.room

    def room_of_one(self) -> int:
        """What one of them says of its memory."""
        room: int = self._handle.options(stream=False).room.remote().result(timeout_s=ROOM_SECONDS)
        return room

    def paint(self, request: GenerationRequest, job: Job) -> "Stream":
        LOAD.add(job)
        return Stream(self._handle.paint.remote(request, job.id))


class Stream:
    """One image's events, from its replica."""

    def __init__(self, response: Any) -> None:
        self._response = response

    def __iter__(self) -> Iterator[Event | Seen]:
        """Raises ReplicaLost."""
        with naming_losses():
            yield from self._response

    def cancel(self) -> None:
        self._response.cancel()


class Captioners:
    """What ``captioner.remote`` needs of a cluster."""

    def __init__(self, cluster: Cluster, handle: DeploymentHandle[Any]) -> None:
        self._cluster = cluster
        self._handle = handle

    @property
    def count(self) -> int:
        return self._cluster.count("captioner")

    @property
    def room(self) -> int:
        return self._cluster.room

    def caption(self, request: CaptionRequest) -> "Pending":
        return Pending(self._handle.caption.remote(request))


class Pending:
    """One picture's words, from its replica."""

    def __init__(self, response: Any) -> None:
        self._response = response

    def result(self) -> Caption:
        """Raises ReplicaLost, or what the model raised."""
        with naming_losses():
            said: Caption = self._response.result()
            return said

    def cancel(self) -> None:
        self._response.cancel()


def connect(address: str) -> None:
    """To a cluster of this machine alone, or to one that runs. Raises CannotStart."""
    os.environ.update(RAY_USAGE_STATS_ENABLED="0", RAY_SERVE_ENABLE_HA_PROXY="0")
    # Else replicas get what all other programs of the machine leave: a nice value of 15.
    os.environ.setdefault("RAY_worker_niceness", "0")
    if address != LOCAL:  # of its own cluster Ray makes the token
        os.environ.setdefault("RAY_AUTH_MODE", "token")
    logging.getLogger("ray.serve").setLevel(logging.WARNING)
    if address != LOCAL:
        check_reachable(address)
    before = os.umask(0o077)  # Ray writes a token into the user's home, for all to read
    try:
        ray.init(
            "local" if address == LOCAL else address,
            namespace="lookalike",
            log_to_driver=False,
            configure_logging=False,
            include_dashboard=False if address == LOCAL else None,
        )
        serve.start(http_options={"location": "NoServer"})
    except Exception as error:  # Ray raises many kinds, as where it cannot write its token
        raise CannotStart(
            f"No Ray cluster can be reached at {address} ({first_line(error)})", ADVICE
        ) from error
    finally:
        os.umask(before)


def check_reachable(address: str) -> None:
    """Raises CannotStart at once, where Ray tries for minutes."""
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), CONNECT_SECONDS).close()
    except (OSError, ValueError) as error:
        raise CannotStart(
            f"No Ray cluster can be reached at {address} ({first_line(error)})", ADVICE
        ) from error


@contextmanager
def naming_losses() -> Iterator[None]:
    """Raises ReplicaLost for whatever says that a replica is gone, and else what it raised."""
    try:
        yield
    except RayTaskError as error:
        if isinstance(error.cause, EngineClosed):  # it ends, and another takes its place
            raise ReplicaLost from error
        raise error.cause from None
    except (RayError, RayServeException, asyncio.CancelledError) as error:
        raise ReplicaLost from error
