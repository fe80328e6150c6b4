"""Clients of apps that many tests share: making an app takes longer than most tests."""

from functools import cache

from flask import Flask
from flask.testing import FlaskClient

from webapp import create_app
from webapp.metrics import Metrics
from webapp.services import Services
from webapp.settings import Settings

DEFAULT = Settings()


def client_of(
    services: Services,
    settings: Settings = DEFAULT,
    name: str = "",
    *,
    testing: bool = True,
) -> FlaskClient:
    """A client of an app that serves these from now on, and has counted nothing.

    Those who work at the same time need apps of different names. ``testing``: what a view fails
    of fails the test, and is no answer of 500.
    """
    app = shared_app(settings, name)
    app.testing = testing
    app.extensions |= {"services": services, "metrics": Metrics()}
    return app.test_client()


@cache
def shared_app(settings: Settings, name: str) -> Flask:
    return create_app(settings, Services(None, None, None))
