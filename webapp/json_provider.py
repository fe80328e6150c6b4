"""JSON of megabytes in milliseconds: an image of 1024x1024 in base64 is four of them."""

from typing import Any

import orjson
from flask.json.provider import DefaultJSONProvider


class Provider(DefaultJSONProvider):
    def dumps(self, obj: Any, **kwargs: Any) -> str:
        """By orjson; by Python's own what it refuses: half a surrogate pair, or a long number."""
        try:
            return orjson.dumps(obj, option=orjson.OPT_SORT_KEYS).decode()
        except orjson.JSONEncodeError:
            return super().dumps(obj, **kwargs)
