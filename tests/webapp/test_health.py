"""Whether the process is sound, and whether work may be sent to it."""

import pytest

DRAINING = {"lookalike.draining": True}


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


def test_an_engine_that_was_never_started_is_neither(patient):
    assert [status for status, _ in answers(patient)] == [503, 503]


def test_a_server_that_stops_is_well_but_not_ready(client):
    assert answers(client, environ_overrides=DRAINING) == ((200, "ok"), (503, "not ready"))


def test_health_says_nothing_else_and_asks_nothing(client):
    for path in ("/healthz", "/readyz"):
        response = client.get(path, headers={"Sec-Fetch-Site": "cross-site", "Accept": "text/html"})
        assert response.status_code == 200
        assert response.mimetype == "application/json"
        assert response.json.keys() == {"status"}
        assert client.head(path).status_code == 200
