"""What the app serves, as OpenAPI 3.1: read off its routes, its views and its dialects."""

import inspect
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flask import Flask, Response
from pydantic import TypeAdapter
from pydantic.json_schema import JsonSchemaMode
from werkzeug.routing import Rule
from werkzeug.test import EnvironBuilder

from webapp.dialects.description import ANYTHING, FORM, HTML, JSON, NAME, TEXT, Description
from webapp.dialects.dialect import EXTENSION, Told, dialect_of
from webapp.door import OPEN

Schema = dict[str, Any]
Schemas = Mapping[tuple[str, str], Schema]  # by a route's id, and "body" or "answer"

PART = re.compile(r"<(?:\w+(?:\([^)]*\))?:)?(\w+)>")
UNSAID = Description(answers=(ANYTHING,))
ERRORS = {
    400: "A value is missing, wrong or unknown.",
    401: "No key, or a wrong one.",
    403: "A page of another site asked.",
    404: "There is nothing at this address.",
    405: "The address takes other methods.",
    413: "The request is too large.",
    421: "The host name is not one of this server's.",
    429: "The queue is full, or too many wrong keys came.",
    499: "The client has left.",
    500: "The model or the server failed.",
    503: "The server stops or is busy.",
}
# What has no docstring: Flask's own view of static files.
FILES = "Files that pages load."
OWN = "own"
DESCRIBED = "openapi"  # among an app's extensions
OURS: Schema = {
    "type": "object",
    "properties": {"error": {"type": "string"}, "field": {"type": ["string", "null"]}},
}
KEYS = {scheme: {"type": "http", "scheme": scheme} for scheme in ("bearer", "basic")}


@dataclass(frozen=True, slots=True)
class Route:
    """One method of one address. ``view`` is what answers."""

    rule: Rule
    method: str
    view: Any

    @property
    def path(self) -> str:
        rule: str = self.rule.rule
        return PART.sub(r"{\1}", rule)

    @property
    def description(self) -> Description:
        said: Description = getattr(self.view, NAME, UNSAID)
        return said

    @property
    def id(self) -> str:
        """Of the path, as some views have several."""
        words = re.findall("[A-Za-z0-9]+", self.path)
        return "_".join([self.method.lower(), *words])

    @property
    def group(self) -> str:
        endpoint: str = self.rule.endpoint
        return endpoint.partition(".")[0]


def describe(app: Flask, *, needs_key: bool, url: str) -> Schema:
    """The whole description. ``url`` is where the app begins. Needs a request of the app."""
    if DESCRIBED not in app.extensions:  # its routes stay as they are, and to look takes 0.1 s
        app.extensions[DESCRIBED] = _describe_routes(app)
    return {
        **app.extensions[DESCRIBED],
        "servers": [{"url": url}],
        "security": [{scheme: []} for scheme in KEYS] if needs_key else [],
    }


def _describe_routes(app: Flask) -> Schema:
    found = list(_routes(app))
    known, schemas = _schemas(found)
    paths: dict[str, Schema] = {}
    for route in found:
        operation = _operation(app, route, known)
        paths.setdefault(route.path, {})[route.method.lower()] = operation
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Lookalike",
            "version": "1",
            "description": _first_line(sys.modules[app.import_name]),
        },
        "tags": _groups(app, found),
        "paths": paths,
        "components": {
            "schemas": schemas,
            "responses": _error_answers(app),
            "securitySchemes": KEYS,
        },
    }


def _routes(app: Flask) -> Iterator[Route]:
    for rule in sorted(app.url_map.iter_rules(), key=lambda rule: rule.rule):
        for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
            yield Route(rule, method, app.view_functions[rule.endpoint])


def _schemas(routes: list[Route]) -> tuple[Schemas, Schema]:
    """What bodies and answers are, and the schemas that these refer to, by their names."""
    found, made = TypeAdapter.json_schemas(
        [each for route in routes for each in _fields(route)],
        ref_template="#/components/schemas/{model}",
    )
    return {key: schema for (key, _), schema in found.items()}, made.get("$defs", {})


def _fields(route: Route) -> Iterator[tuple[tuple[str, str], JsonSchemaMode, TypeAdapter[Any]]]:
    said = route.description
    if said.body:
        yield (route.id, "body"), "validation", TypeAdapter(said.body)
    yield (route.id, "answer"), "serialization", TypeAdapter(said.answer)


def _operation(app: Flask, route: Route, known: Schemas) -> Schema:
    said = route.description
    operation: Schema = {
        "operationId": route.id,
        "summary": _first_line(route.view),
        "tags": [route.group],
        "parameters": [*_parts(route), *_queries(said)],
        "responses": _answers(said, known[route.id, "answer"]) | _errors(_owner(app, route)),
    }
    if route.rule.endpoint in OPEN:
        operation["security"] = []
    if said.takes:
        fields = known.get((route.id, "body"), {"type": "object"})
        operation["requestBody"] = {"content": _contents(said.takes, fields), "required": True}
    return operation


def _parts(route: Route) -> list[Schema]:
    text = {"in": "path", "required": True, "schema": {"type": "string"}}
    return [{"name": name, **text} for name in PART.findall(route.rule.rule)]


def _queries(said: Description) -> list[Schema]:
    fields = said.query.model_json_schema()["properties"] if said.query else {}
    return [{"name": name, "in": "query", "schema": schema} for name, schema in fields.items()]


def _contents(kinds: Sequence[str], fields: Schema) -> Schema:
    """By types of bodies. What is neither JSON nor a form is bytes, which no schema describes."""
    return {kind: {"schema": fields} if kind in (JSON, FORM) else {} for kind in kinds}


def _answers(said: Description, fields: Schema) -> Schema:
    content = _contents(said.answers, fields)
    well = {"200": {"description": "As asked.", "content": content}} if content else {}
    others = {str(code): {"description": "See the summary."} for code in said.statuses}
    return well | others


def _owner(app: Flask, route: Route) -> str:
    """The dialect that tells its errors, by name."""
    asked = EnvironBuilder(path=route.path, method=route.method).get_environ()
    dialect = dialect_of(app.request_class(asked))
    return dialect.bp.name if dialect else OWN


def _errors(owner: str) -> Schema:
    """Those that any address may answer."""
    return {str(code): {"$ref": f"#/components/responses/{owner}_{code}"} for code in ERRORS}


def _error_answers(app: Flask) -> Schema:
    """By owner and status, each in its owner's shape."""
    contents: Schema = {OWN: {JSON: {"schema": OURS}, HTML: {}, TEXT: {}}}
    for dialect in app.extensions[EXTENSION]:
        bodies = [dialect.error_body(Told("x", 400, field)) for field in (None, "x")]
        contents[dialect.bp.name] = {JSON: {"schema": _like(*map(_json, bodies))}}
    return {
        f"{owner}_{code}": {"description": why, "content": content}
        for owner, content in contents.items()
        for code, why in ERRORS.items()
    }


def _json(response: Response) -> Any:
    return response.get_json()


def _like(one: Any, other: Any) -> Schema:
    """The schema of two samples: what differs in kind may be anything."""
    if isinstance(one, dict) and isinstance(other, dict) and one.keys() == other.keys():
        properties = {name: _like(one[name], other[name]) for name in one}
        return {"type": "object", "properties": properties, "required": sorted(one)}
    if isinstance(one, str) and isinstance(other, str):
        return {"type": "string"}
    return {}


def _groups(app: Flask, routes: list[Route]) -> list[Schema]:
    """The blueprints, by the first lines of their modules."""
    names = sorted({route.group for route in routes})
    modules = {name: sys.modules.get(bp.import_name) for name, bp in app.blueprints.items()}
    return [{"name": name, "description": _first_line(modules.get(name))} for name in names]


def _first_line(said: object) -> str:
    """Of a docstring, without the marks for code."""
    text = (inspect.getdoc(said) if said else None) or FILES
    return text.splitlines()[0].replace("``", "")
