"""What tests read in OpenAI's answers."""

import base64
import json
from io import BytesIO

from PIL import Image

GENERATIONS = "/v1/images/generations"
VARIATIONS = "/v1/images/variations"
CHAT = "/v1/chat/completions"
RESPONSES = "/v1/responses"


def image_of(item) -> Image.Image:
    """Of an item of ``data``, or of an event."""
    image = Image.open(BytesIO(base64.b64decode(item["b64_json"])))
    image.load()
    return image


def images_of(response) -> list[Image.Image]:
    assert response.status_code == 200, response.text
    return [image_of(item) for item in response.json["data"]]


def told(response) -> tuple[int, str | None, str]:
    """The status, the wrong field and the sentence, in the shape of OpenAI's errors."""
    assert response.json.keys() == {"error"}
    error = response.json["error"]
    assert error.keys() == {"message", "type", "param", "code"}
    return response.status_code, error["param"], error["message"]


def event_of(text: str) -> dict:
    """One server-sent event, whose name and type are the same."""
    name, data = text.removesuffix("\n\n").split("\n")
    event = json.loads(data.removeprefix("data: "))
    assert name.removeprefix("event: ") == event.get("type", "error")
    return event
