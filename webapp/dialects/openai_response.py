"""A caption as the Responses API tells it, whole or as a stream of events."""

import secrets
import time
from typing import Any

from webapp.dialects.openai_tokens import RESPONSE_TOKENS


def response_object(said: str, model: str) -> dict[str, Any]:
    """The fields that OpenAI's own types require; nothing of it is kept here."""
    message = {
        "id": f"msg_{secrets.token_hex(12)}",
        "type": "message",
        "role": "assistant",
        "status": "completed",
        "content": [_text(said)],
    }
    return {
        "id": f"resp_{secrets.token_hex(12)}",
        "object": "response",
        "created_at": int(time.time()),
        "status": "completed",
        "error": None,
        "incomplete_details": None,
        "instructions": None,
        "metadata": {},
        "model": model,
        "output": [message],
        "parallel_tool_calls": False,
        "temperature": None,
        "text": {"format": {"type": "text"}},
        "tool_choice": "none",
        "tools": [],
        "top_p": None,
        "store": False,
        "usage": RESPONSE_TOKENS,
    }


def response_events(answer: dict[str, Any]) -> list[dict[str, Any]]:
    """From an empty response to the whole, in the order that clients put it together in."""
    [message] = answer["output"]
    [text] = message["content"]
    begun = answer | {"status": "in_progress", "output": [], "usage": None}
    opened = message | {"status": "in_progress", "content": []}
    whole = {"output_index": 0}
    part = {"item_id": message["id"], "output_index": 0, "content_index": 0}
    told = [
        ("response.created", {"response": begun}),
        ("response.in_progress", {"response": begun}),
        ("response.output_item.added", whole | {"item": opened}),
        ("response.content_part.added", part | {"part": _text("")}),
        ("response.output_text.delta", part | {"delta": text["text"], "logprobs": []}),
        ("response.output_text.done", part | {"text": text["text"], "logprobs": []}),
        ("response.content_part.done", part | {"part": text}),
        ("response.output_item.done", whole | {"item": message}),
        ("response.completed", {"response": answer}),
    ]
    return [
        {"type": name, "sequence_number": number} | data for number, (name, data) in enumerate(told)
    ]


def _text(said: str) -> dict[str, object]:
    return {"type": "output_text", "text": said, "annotations": [], "logprobs": []}
