"""``/openapi.json``: every address, for programs. ``/docs``: the same as a page without scripts."""

from flask import Blueprint, current_app, jsonify, render_template, request
from flask.wrappers import Response

from webapp.dialects.description import HTML, Description, described
from webapp.openapi import Schema, describe
from webapp.services import services

bp = Blueprint("docs", __name__)


@bp.get("/openapi.json")
@described(Description())
def openapi() -> Response:
    """What this server serves, as OpenAPI 3.1."""
    return jsonify(_description())


@bp.get("/docs")
@described(Description(answers=(HTML,)))
def docs() -> str:
    """What this server serves, as a page."""
    return render_template("docs.html", description=_description(), fields_of=_fields)


def _description() -> Schema:
    needs_key = services().keys is not None
    return describe(current_app, needs_key=needs_key, url=request.root_path or "/")


def _fields(operation: Schema, schemas: Schema) -> dict[str, Schema]:
    """What an address takes, by name: the parts of its path, its query and its body's fields."""
    fields = {each["name"]: each["schema"] for each in operation["parameters"]}
    for content in operation.get("requestBody", {"content": {}})["content"].values():
        reference = content.get("schema", {}).get("$ref", "")
        fields |= schemas.get(reference.rpartition("/")[2], {}).get("properties", {})
    return fields
