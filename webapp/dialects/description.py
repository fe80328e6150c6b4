"""What ``/openapi.json`` says of a view beside its docstring: what it takes and answers."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from webapp.dialects.body import Body

JSON = "application/json"
FORM = "multipart/form-data"
STREAM = "text/event-stream"
LINES = "application/x-ndjson"
HTML = "text/html"
TEXT = "text/plain"
JPEG = "image/jpeg"
PNG = "image/png"
ANYTHING = "*/*"

View = TypeVar("View", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class Description:
    """``body`` are the fields that are read, if ``takes`` names types of bodies.

    ``answers`` are the types of a 200's body; without any there is no 200. ``answer`` is what it
    holds in JSON, as an annotation: an Answer, a list of them, None. ``statuses`` are those beside
    it and the errors that every address may answer. ``query`` are what stands in the query.
    """

    body: type[Body] | None = None
    takes: tuple[str, ...] = ()
    answers: tuple[str, ...] = (JSON,)
    statuses: tuple[int, ...] = ()
    query: type[Body] | None = None
    answer: Any = Any


NAME = "description"


def described(description: Description) -> Callable[[View], View]:
    """Put below the line with the route."""

    def note(view: View) -> View:
        setattr(view, NAME, description)
        return view

    return note
