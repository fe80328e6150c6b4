"""What Ray says, in our words."""

import asyncio
import subprocess
import sys
from types import SimpleNamespace

import pytest

from models_cache.advice import CannotStart
from models_cache.catalog import Family
from models_cache.runtime.model_thread import EngineClosed, ReplicaLost
from webapp.__main__ import naming, open_cluster
from webapp.settings import Settings


@pytest.fixture(scope="module")
def ray():
    return pytest.importorskip("ray", reason="Ray is not installed: requirements-ray.txt")


def raised(error):
    from webapp.cluster import naming_losses

    with pytest.raises(Exception) as told, naming_losses():  # noqa: PT011
        raise error
    return told.value


def test_whatever_says_that_a_replica_is_gone_is_a_loss(ray):
    from ray.exceptions import ActorUnavailableError, RayActorError, RayTaskError
    from ray.serve.exceptions import BackPressureError

    gone = [
        RayActorError(),
        ActorUnavailableError("it does not answer", None),
        BackPressureError(num_queued_requests=1, max_queued_requests=1),
        asyncio.CancelledError(),
        RayTaskError("paint", "a traceback", EngineClosed()),
    ]
    assert [type(raised(error)) for error in gone] == [ReplicaLost] * len(gone)


def test_what_the_model_raised_is_raised_here(ray):
    from ray.exceptions import RayTaskError

    error = raised(RayTaskError("caption", "a traceback", MemoryError("no room")))
    assert (type(error), str(error)) == (MemoryError, "no room")
    assert error.__cause__ is None


def test_a_cluster_that_cannot_be_reached_is_a_sentence(ray):
    command = [sys.executable, "-m", "webapp", "--models", "demo", "--port", "0", "--api-port", "0"]
    done = subprocess.run(
        [*command, "--engines", "127.0.0.1:1"], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 2, done.stderr
    last = done.stderr.splitlines()[-1]
    assert last.startswith("scripts/serve: No Ray cluster can be reached at 127.0.0.1:1 (")
    assert last.endswith("docs/scaling.md tells how.")
    assert "Traceback" not in done.stderr


def test_so_is_a_home_in_which_ray_cannot_write(ray, monkeypatch):
    from webapp.cluster import LOCAL, connect

    def init(*_, **__):
        raise PermissionError(13, "Permission denied", "/nonexistent/.ray")

    monkeypatch.setattr(ray, "init", init)
    with pytest.raises(CannotStart, match=r"Permission denied.*/nonexistent"):
        connect(LOCAL)


def test_replicas_are_told_which_models_the_server_chose():
    demo, full = SimpleNamespace(is_demo=True), SimpleNamespace(is_demo=False)

    def words(blip, sdxl, **named):
        known = {Family.BLIP: blip, Family.SDXL: sdxl}
        checkpoints = {family: SimpleNamespace(known=each) for family, each in known.items()}
        return naming(SimpleNamespace(checkpoints=checkpoints), Settings(**named)).models

    assert words(demo, demo) == "demo"
    assert words(full, full) == "full"
    assert words(demo, full, generator="mine") == "demo"
    assert words(full, demo, generator="demo") == "full"


def test_replicas_may_have_room_for_more_than_the_server_finds_here(ray, monkeypatch):
    """The GPU of its own machine may be full of an earlier start's replicas."""
    monkeypatch.setattr("webapp.cluster.Cluster", lambda settings, room: room)
    for device, room in (("cuda", 4), ("cpu", 8)):
        placement = SimpleNamespace(device=SimpleNamespace(type=device), max_batch_size=1)
        models = SimpleNamespace(placement=placement, checkpoints={})
        assert open_cluster(Settings(engines="ray"), models) == room


def test_without_ray_the_server_says_how_to_get_it(monkeypatch):
    monkeypatch.delitem(sys.modules, "webapp.cluster", raising=False)
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(CannotStart, match="scripts/serve --with ray"):
        open_cluster(Settings(engines="ray"), None)
    assert open_cluster(Settings(), None) is None
