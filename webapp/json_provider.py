"""JSON of megabytes in milliseconds: an image of 1024x1024 in base64 is four of them."""

import codecs
import json
from typing import Any

import orjson
from flask.json.provider import DefaultJSONProvider

OPTIONS = (
    orjson.OPT_SORT_KEYS
    # Flask has forms of its own for these.
    | orjson.OPT_PASSTHROUGH_DATETIME
    | orjson.OPT_PASSTHROUGH_DATACLASS
)
ESCAPED = "json escapes"


def _escape(error: UnicodeError) -> tuple[str, int]:
    assert isinstance(error, UnicodeEncodeError)
    return json.dumps(error.object[error.start : error.end])[1:-1], error.end


codecs.register_error(ESCAPED, _escape)


class Provider(DefaultJSONProvider):
    def dumps(self, obj: Any, **kwargs: Any) -> str:
        """As Flask's own, in ASCII: some readers take other bytes for Latin, or for line ends.

        By orjson; by Python's own what it refuses, as half a surrogate pair or a long number.
        """
        if not kwargs.keys() <= {"separators"}:
            return super().dumps(obj, **kwargs)
        try:
            text = orjson.dumps(obj, option=OPTIONS).decode()
        except orjson.JSONEncodeError:
            return super().dumps(obj, **kwargs)
        return text if text.isascii() else text.encode("ascii", ESCAPED).decode("ascii")
