"""What a view answers in JSON: fields that the type checker, ``/openapi.json`` and tests know."""

from collections.abc import Sequence

from flask import Response, jsonify
from pydantic import BaseModel, ConfigDict


class Answer(BaseModel):
    """Each of its fields is always there, and no others are."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        protected_namespaces=(),
        json_schema_serialization_defaults_required=True,
    )


def answered(answer: Answer | Sequence[Answer] | None) -> Response:
    """As JSON that nobody keeps: it may hold pictures and words, and what it says may change."""
    if answer is None or isinstance(answer, Answer):
        response = jsonify(answer and answer.model_dump())
    else:
        response = jsonify([each.model_dump() for each in answer])
    response.headers["Cache-Control"] = "no-store"
    return response
