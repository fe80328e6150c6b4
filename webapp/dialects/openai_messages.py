"""The picture that a conversation is about, in the parts of messages as OpenAI has them."""

from collections.abc import Iterator
from typing import Any

from generator.request import InvalidRequest
from webapp.dialects.body import picture_of

NO_PICTURE = "holds no picture: this server's captioner needs one, as a data: URL in base64."
ONE_PICTURE = "holds several pictures: send one at a time."
NO_FILES = "names a file, and this server keeps none: send the picture itself, as a data: URL."


# What the model says to words alone, as programs say hello before they are used.
NEEDS_A_PICTURE = "This model captions pictures: send one."


def picture_in(field: str, messages: object) -> bytes | None:
    """The bytes of the picture in the last message that has one; None if there are words alone.

    Raises InvalidRequest.
    """
    listed = list(enumerate(messages)) if isinstance(messages, list) else []
    for number, message in reversed(listed):
        name = f"{field}[{number}].content"
        pictures = list(_pictures(name, message))
        if len(pictures) > 1:
            raise InvalidRequest(name, ONE_PICTURE)
        for place, sent in pictures:
            return picture_of(place, sent)
    says = [each.get("content") for _, each in listed if isinstance(each, dict)]
    if any(says) or (messages and isinstance(messages, str)):
        return None
    raise InvalidRequest(field, NO_PICTURE)


def _pictures(name: str, message: object) -> Iterator[tuple[str, str]]:
    """Where each stands, and what was sent."""
    content = message.get("content") if isinstance(message, dict) else None
    for number, part in enumerate(content if isinstance(content, list) else []):
        if isinstance(part, dict) and part.get("type") in ("image_url", "input_image"):
            yield _picture(f"{name}[{number}]", part)


def _picture(name: str, part: dict[str, Any]) -> tuple[str, str]:
    """In a chat, the address lies in an object; in the Responses API, it is the field itself."""
    name, sent = f"{name}.image_url", part.get("image_url")
    if isinstance(sent, dict):
        name, sent = f"{name}.url", sent.get("url")
    if sent is None and part.get("file_id") is not None:
        raise InvalidRequest(name.replace("image_url", "file_id"), NO_FILES)
    if not isinstance(sent, str):
        raise InvalidRequest(name, "is missing." if sent is None else "must be text.")
    return name, sent
