"""The one way in which dialects read what a client sent: JSON, checked fields, and pictures."""

import base64
import binascii
import json
import re
from collections.abc import Mapping
from typing import Any, TypeVar

from flask import Request
from pydantic import BaseModel, ConfigDict, ValidationError

from generator.request import InvalidRequest

# By the kind of pydantic's error; its own texts are for programmers.
PROBLEMS = {
    "missing": "is missing.",
    "string": "must be text.",
    "int": "must be a whole number.",
    "float": "must be a number.",
    "finite": "must be a number.",
    "bool": "must be true or false.",
    "list": "must be a list.",
    "dict": "must be an object.",
    "model": "must be an object.",
}
NO_ADDRESSES = "is an address, and this server fetches nothing: send the picture itself, in base64."
NO_BASE64 = "is no picture in base64."
DATA_URL = re.compile(r"\s*data:[^,]{0,200},", re.IGNORECASE)
WHITESPACE = b" \t\r\n\v\f"
MOST_PARTS = 100_000  # of a JSON body, by its commas: base64 has none


class Body(BaseModel):
    """Fields that a client may send. What has another name is ignored, as clients send much."""

    model_config = ConfigDict(extra="ignore", frozen=True, protected_namespaces=())


class Painting(Body):
    """How to paint, in diffusers' names; what is left out is the checkpoint's own default."""

    negative_prompt: str | None = None
    width: int | None = None
    height: int | None = None
    num_inference_steps: int | None = None
    guidance_scale: float | None = None
    seed: int | None = None


Fields = TypeVar("Fields", bound=Body)


def read_json(request: Request) -> dict[str, Any]:
    """The body, whatever its Content-Type says. Raises InvalidRequest if it is no JSON object."""
    data = request.get_data()
    if data.count(b",") > MOST_PARTS:  # reading them would stop all other requests for seconds
        raise InvalidRequest("body", "has too many parts: send fewer.")
    try:
        sent = json.loads(data)
    except (ValueError, RecursionError):
        raise InvalidRequest("body", "is no JSON.") from None
    if not isinstance(sent, dict):
        raise InvalidRequest("body", "must be a JSON object.")
    return sent


def checked(kind: type[Fields], sent: Mapping[str, Any]) -> Fields:
    """The fields in their types. Raises InvalidRequest, which names the first wrong one."""
    try:
        return kind.model_validate(sent)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
    name = ".".join(str(part) for part in first["loc"]) or "body"
    problem = PROBLEMS.get(first["type"].partition("_")[0])
    raise InvalidRequest(name, problem or f"is wrong: {first['msg']}.")


def picture_of(field: str, sent: str) -> bytes:
    """The bytes behind base64 or a data: URL. Raises InvalidRequest; an address is not fetched."""
    if re.match(r"\s*(https?|file|ftp)://", sent, re.IGNORECASE):
        raise InvalidRequest(field, NO_ADDRESSES)
    before = DATA_URL.match(sent)
    try:
        text = sent[before.end() if before else 0 :].encode("ascii").translate(None, WHITESPACE)
        return base64.b64decode(text + b"=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError):
        raise InvalidRequest(field, NO_BASE64) from None
