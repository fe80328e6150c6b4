"""A caption as the Responses API tells it, whole or as a stream of events."""

import secrets
import time
from typing import Any, Literal

from pydantic import Field

from webapp.dialects.answer import Answer
from webapp.dialects.openai_tokens import ResponseTokens


class OutputText(Answer):
    type: Literal["output_text"] = "output_text"
    text: str
    annotations: list[None] = []
    logprobs: list[None] = []


class Message(Answer):
    id: str
    type: Literal["message"] = "message"
    role: Literal["assistant"] = "assistant"
    status: Literal["completed"] = "completed"
    content: list[OutputText]


class ResponseAnswer(Answer):
    """The fields that OpenAI's own types require; nothing of it is kept here."""

    id: str = Field(default_factory=lambda: f"resp_{secrets.token_hex(12)}")
    object: Literal["response"] = "response"
    created_at: int = Field(default_factory=lambda: int(time.time()))
    status: Literal["completed"] = "completed"
    error: None = None
    incomplete_details: None = None
    instructions: None = None
    metadata: dict[str, str] = {}
    model: str
    output: list[Message]
    parallel_tool_calls: Literal[False] = False
    temperature: None = None
    text: dict[str, dict[str, str]] = {"format": {"type": "text"}}
    tool_choice: Literal["none"] = "none"
    tools: list[None] = []
    top_p: None = None
    store: Literal[False] = False
    usage: ResponseTokens = ResponseTokens()


def response_answer(said: str, model: str) -> ResponseAnswer:
    message = Message(id=f"msg_{secrets.token_hex(12)}", content=[OutputText(text=said)])
    return ResponseAnswer(model=model, output=[message])


def response_events(answer: ResponseAnswer) -> list[dict[str, Any]]:
    """From an empty response to the whole, in the order that clients put it together in."""
    whole = answer.model_dump()
    [message] = whole["output"]
    [text] = message["content"]
    begun = whole | {"status": "in_progress", "output": [], "usage": None}
    opened = message | {"status": "in_progress", "content": []}
    item = {"output_index": 0}
    part = {"item_id": message["id"], "output_index": 0, "content_index": 0}
    told = [
        ("response.created", {"response": begun}),
        ("response.in_progress", {"response": begun}),
        ("response.output_item.added", item | {"item": opened}),
        ("response.content_part.added", part | {"part": text | {"text": ""}}),
        ("response.output_text.delta", part | {"delta": text["text"], "logprobs": []}),
        ("response.output_text.done", part | {"text": text["text"], "logprobs": []}),
        ("response.content_part.done", part | {"part": text}),
        ("response.output_item.done", item | {"item": message}),
        ("response.completed", {"response": whole}),
    ]
    return [
        {"type": name, "sequence_number": number} | data for number, (name, data) in enumerate(told)
    ]
