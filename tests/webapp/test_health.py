"""Whether the process is sound, and whether work may be sent to it."""

from pathlib import Path

import pytest
from checkpoints import unchecked
from elsewhere import Captioners, Painters

from models_cache.catalog import Family
from models_cache.runtime.loading import LoadProgress
from webapp import environ

DRAINING = {environ.DRAINING: True}


def answers(client, **options):
    """Status and word of /healthz, then of /readyz."""
    health, ready = (client.get(path, **options) for path in ("/healthz", "/readyz"))
    return (health.status_code, health.json["status"]), (ready.status_code, ready.json["status"])


def test_a_server_that_works_is_well_and_ready(client):
    assert answers(client) == ((200, "ok"), (200, "ready"))


@pytest.mark.parametrize("engine", ["captioner", "generator"])
def test_a_dead_engine_is_neither(client, services, engine):
    getattr(services, engine).close()
    assert answers(client) == ((503, "an engine has died"), (503, "not ready"))


@pytest.mark.parametrize("engine", ["captioner", "generator"])
def test_while_no_replica_can_be_reached_all_say_so_and_not_to_start_anew(
    client, services, engine, monkeypatch
):
    """Of models of this process there are none to be reached."""
    is_elsewhere = services.generator.replicas is not None
    monkeypatch.setattr({"captioner": Captioners, "generator": Painters}[engine], "count", 0)
    if is_elsewhere:
        assert answers(client) == ((503, "no replica can be reached"), (503, "not ready"))
    else:
        assert answers(client) == ((200, "ok"), (200, "ready"))
    assert ("once one can, all goes on by itself" in client.get("/status").text) == is_elsewhere
    assert ("No replica now" in client.get("/").text) == is_elsewhere


def test_an_engine_that_was_never_started_is_neither(patient):
    assert [status for status, _ in answers(patient)] == [503, 503]


def test_a_server_that_stops_is_well_but_not_ready(client):
    assert answers(client, environ_overrides=DRAINING) == ((200, "ok"), (503, "not ready"))


@pytest.fixture
def loading(services, monkeypatch) -> LoadProgress:
    """The generator is still being loaded."""
    progress = LoadProgress(unchecked(Path(), Family.SDXL, name="a model"))
    progress.total_bytes, progress.loaded_bytes, progress.stage = 100, 40, "reading the UNet"
    monkeypatch.setattr(type(services.generator), "is_ready", False)
    object.__setattr__(services, "loading", (progress,))
    return progress


def test_while_a_model_is_loaded_it_is_well_but_not_ready_and_tells_how_far(client, loading):
    assert answers(client) == ((200, "ok"), (503, "loading"))
    assert client.get("/loading").json["models"] == [
        {
            "name": "a model",
            "stage": "reading the UNet",
            "loaded_bytes": 40,
            "total_bytes": 100,
        }
    ]


def test_the_page_shows_how_far_the_loading_is_and_takes_pictures(client, loading):
    page = client.get("/").text
    assert '<progress max="100" value="40">' in page
    assert "reading the UNet" in page
    assert "Make a lookalike" in page


def test_nothing_of_loading_is_left_once_models_are_warm(client, services, loading, monkeypatch):
    monkeypatch.setattr(type(services.generator), "is_ready", True)
    assert answers(client) == ((200, "ok"), (200, "ready"))
    assert "still loading" not in client.get("/").text
    assert client.get("/loading").json == {"models": [], "state": "Ready"}


def test_health_says_nothing_else_and_asks_nothing(client):
    for path in ("/healthz", "/readyz"):
        response = client.get(path, headers={"Sec-Fetch-Site": "cross-site", "Accept": "text/html"})
        assert response.status_code == 200
        assert response.mimetype == "application/json"
        assert response.json.keys() == {"status"}
        assert client.head(path).status_code == 200
