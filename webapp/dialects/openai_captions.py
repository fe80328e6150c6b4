"""OpenAI's answers to a picture: ``/v1/chat/completions`` and ``/v1/responses``.

The answer is the caption. Questions about the picture are not answered, as BLIP reads none.
"""

import json
import secrets
import time
from typing import Any, Literal

from flask import Blueprint, Response, request
from pydantic import Field

from captioner.wording import without_tics
from generator.request import InvalidRequest
from webapp.dialects.answer import Answer, answered
from webapp.dialects.body import Body, checked, read_json
from webapp.dialects.description import JSON, STREAM, Description, described
from webapp.dialects.job_stream import event
from webapp.dialects.openai_messages import NEEDS_A_PICTURE, picture_in
from webapp.dialects.openai_response import ResponseAnswer, response_answer, response_events
from webapp.dialects.openai_tokens import ChatTokens
from webapp.dialects.work import caption
from webapp.services import services

bp = Blueprint("captions", __name__)

NO_JSON = "asks for JSON: this server's captioner writes one sentence, and nothing else."


class StreamOptions(Body):
    include_usage: bool | None = None


class Format(Body):
    type: str | None = None


class Chat(Body):
    messages: list[dict[str, Any]]
    model: str | None = None
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    response_format: Format | None = None


class Text(Body):
    format: Format | None = None


class Question(Body):
    input: Any
    model: str | None = None
    stream: bool | None = None
    text: Text | None = None


class ChatMessage(Answer):
    role: Literal["assistant"] = "assistant"
    content: str
    refusal: None = None


class Choice(Answer):
    index: Literal[0] = 0
    message: ChatMessage
    logprobs: None = None
    finish_reason: Literal["stop"] = "stop"


class ChatAnswer(Answer):
    id: str = Field(default_factory=lambda: f"chatcmpl-{secrets.token_hex(12)}")
    object: Literal["chat.completion"] = "chat.completion"
    created: int = Field(default_factory=lambda: int(time.time()))
    model: str
    choices: list[Choice]
    usage: ChatTokens = ChatTokens()


@bp.post("/chat/completions")
@described(Description(Chat, (JSON,), (JSON, STREAM), answer=ChatAnswer))
def chat() -> Response:
    """The caption of the last picture in ``messages``; a sentence if there is none."""
    asked = checked(Chat, read_json(request))
    _check_format("response_format", asked.response_format)
    said = _caption("messages", asked.messages)
    choice = Choice(message=ChatMessage(content=said))
    answer = ChatAnswer(model=_model(asked.model), choices=[choice])
    if not asked.stream:
        return answered(answer)
    wants_usage = bool(asked.stream_options and asked.stream_options.include_usage)
    return _events(_chunks(answer, said, wants_usage))


@bp.post("/responses")
@described(Description(Question, (JSON,), (JSON, STREAM), answer=ResponseAnswer))
def respond() -> Response:
    """The caption of the last picture in ``input``; a sentence if there is none."""
    asked = checked(Question, read_json(request))
    _check_format("text.format", asked.text.format if asked.text else None)
    said = _caption("input", asked.input)
    answer = response_answer(said, _model(asked.model))
    if asked.stream:
        return _events([event(each["type"], each) for each in response_events(answer)])
    return answered(answer)


def _check_format(field: str, format_: Format | None) -> None:
    if format_ is not None and format_.type not in (None, "text"):
        raise InvalidRequest(field, NO_JSON)


def _caption(field: str, messages: object) -> str:
    picture = picture_in(field, messages)
    return NEEDS_A_PICTURE if picture is None else without_tics(caption(picture))


def _model(name: str | None) -> str:
    """The name that was asked for, as clients compare it; else the captioner's own."""
    own = (card.name for card in services().models if card.role == "captioner")
    return name or next(own, "captioner")


def _chunks(answer: ChatAnswer, said: str, wants_usage: bool) -> list[str]:
    """All of them at once: there is nothing to show before the last word is found."""
    whole = answer.model_dump()
    head = whole | {"object": "chat.completion.chunk"}
    del head["choices"], head["usage"]
    deltas = [({"role": "assistant", "content": ""}, None), ({"content": said}, None), ({}, "stop")]
    chunks = [
        head | {"choices": [{"index": 0, "delta": delta, "logprobs": None, "finish_reason": end}]}
        for delta, end in deltas
    ]
    if wants_usage:
        chunks.append(head | {"choices": [], "usage": whole["usage"]})
    return [f"data: {each}\n\n" for each in (*map(json.dumps, chunks), "[DONE]")]


def _events(lines: list[str]) -> Response:
    """Whole as it is, so it holds no thread as a stream of jobs does."""
    response = Response("".join(lines), mimetype=STREAM)
    response.headers["Cache-Control"] = "no-cache"
    return response
