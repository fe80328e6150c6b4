"""What the app knows of a dialect: which requests are its own, and how it tells an error."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from flask import Blueprint, Flask, Request, Response, current_app, request

EXTENSION = "dialects"


class AnySlash(Blueprint):
    """Its addresses may end in a slash, as those of a server that sends on to the right one."""

    def add_url_rule(self, *args: Any, **options: Any) -> None:
        super().add_url_rule(*args, **{"strict_slashes": False, **options})


@dataclass(frozen=True, slots=True)
class Told:
    """An error as clients hear of it. ``field`` is the wrong parameter's name, if one is wrong."""

    sentence: str
    status: int
    field: str | None = None


@dataclass(frozen=True, slots=True)
class Dialect:
    """``owns`` says whether a request is meant for it, also one that leads nowhere."""

    bp: Blueprint
    owns: Callable[[Request], bool]
    error_body: Callable[[Told], Response]

    def join(self, app: Flask) -> None:
        """Serves it, and has errors of its requests told in its shape."""
        app.register_blueprint(self.bp)
        app.extensions.setdefault(EXTENSION, []).append(self)


def dialect_of(request: Request) -> Dialect | None:
    """The dialect that a request speaks; None for our own."""
    known: list[Dialect] = current_app.extensions.get(EXTENSION, [])
    return next((dialect for dialect in known if dialect.owns(request)), None)


def make_room() -> None:
    """Before each request: a picture in base64 takes a third more than the picture itself."""
    if dialect_of(request):
        request.max_content_length = 2 * (current_app.config["MAX_UPLOAD_MB"] << 20)
