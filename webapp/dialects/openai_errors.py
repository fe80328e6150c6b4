"""An error as OpenAI's clients read it: they raise a class by its status, and show its message."""

from flask import Response, jsonify

from webapp.dialects.dialect import Told

# By status: the kinds that OpenAI has, and the code by which programs know a case.
KINDS = {403: "permission_error", 429: "rate_limit_error"}
CODES = {401: "invalid_api_key", 404: "not_found", 429: "rate_limit_exceeded"}


def error_object(told: Told) -> dict[str, object]:
    """Also the last event of a stream whose job fails."""
    other = "server_error" if told.status >= 500 else "invalid_request_error"
    error = {
        "message": told.sentence,
        "type": KINDS.get(told.status, other),
        "param": told.field,
        "code": CODES.get(told.status),
    }
    return {"error": error}


def error_body(told: Told) -> Response:
    response = jsonify(error_object(told))
    if told.status == 500:  # clients ask again unasked, and a model fails of the same words again
        response.headers["x-should-retry"] = "false"
    return response
