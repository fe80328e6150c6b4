"""Ollama's API, of which pictures are captioned: ``/api/generate``, ``/api/chat`` and their models.

Its clients: ``ollama`` for Python and JavaScript, ``langchain-ollama``, PhotoPrism and others.
"""

import json
import time
from collections.abc import Sequence
from hashlib import sha256
from typing import Any

from flask import Blueprint, Request, Response, jsonify, request

from captioner.request import MAX_NEW_TOKENS
from captioner.wording import without_tics
from generator.request import InvalidRequest
from models_cache.catalog import BLIP_LARGE, KNOWN
from webapp.dialects.answer import answered
from webapp.dialects.body import Body, checked, picture_of, read_json
from webapp.dialects.description import JSON, LINES, Description, described
from webapp.dialects.dialect import Dialect, Told
from webapp.dialects.ollama_answers import (
    About,
    Chatted,
    Generated,
    Listed,
    Pulled,
    Said,
    Tags,
    Version,
)
from webapp.dialects.openai_messages import NEEDS_A_PICTURE
from webapp.dialects.prefix import prefix_of
from webapp.dialects.work import caption
from webapp.failures import UnknownModel
from webapp.services import ModelCard, services

bp = Blueprint("ollama", __name__, url_prefix="/api")

# The Ollama whose API this is: clients refuse what is too old for them.
VERSION = "0.13.0"
# Whatever captioner runs answers to these, as to its own name.
NAMES = ("blip", BLIP_LARGE.name)
LATEST = ":latest"
MOST_PICTURES = 10
WHAT_IT_DOES = (
    "Captions pictures, each in one sentence, and does not chat. A short prompt that is no question"
    ' begins the caption, as "a photo of" does; any other prompt is ignored.'
)
NO_PICTURE = "is missing: this model captions pictures, so send one, in base64."
LOADED = "load"  # why an answer to nothing ends
NO_JSON = "asks for JSON, and this model writes one plain sentence: leave format out."
NO_TOOLS = "is not supported: this model captions pictures, and calls no tools."


class Options(Body):
    """``num_predict`` bounds the caption. Others steer a chance that BLIP does not take."""

    num_predict: int | None = None


class Asked(Body):
    """What both take. ``format`` may be a word or a schema; ``stream`` is true if left out."""

    model: str
    stream: bool | None = None
    format: Any = None
    options: Options | None = None


class Generation(Asked):
    prompt: str | None = None
    images: list[str] | None = None


class Message(Body):
    content: str | None = None
    images: list[str] | None = None


class Chat(Asked):
    messages: list[Message] | None = None
    tools: list[Any] | None = None


class Shown(Body):
    """``name`` is what older clients send."""

    model: str | None = None
    name: str | None = None
    stream: bool | None = None


class NotFound(UnknownModel):
    """In Ollama's own words, which clients look for."""

    def __init__(self, name: str) -> None:
        served = ", ".join(_names())
        Exception.__init__(self, f"model '{name[:100]}' not found: this server has {served}.")


@bp.get("/version")
@described(Description(answer=Version))
def version() -> Response:
    """The version of Ollama whose API this is."""
    return answered(Version(version=VERSION))


@bp.get("/tags")
@described(Description(answer=Tags))
def tags() -> Response:
    """The models that can be asked: the captioner, by its own name and by the short one."""
    listed = [_listed(name, card) for card in _captioners() for name in (card.name, NAMES[0])]
    return answered(Tags(models=listed))


@bp.post("/pull")
@described(Description(Shown, (JSON,), (LINES, JSON), answer=Pulled))
def pull() -> Response:
    """Nothing is fetched: what is served is here. 404 for another."""
    asked = checked(Shown, read_json(request))
    _check_served(_named(asked))
    answer = Pulled()
    if asked.stream is False:
        return answered(answer)
    return Response(f"{json.dumps(answer.model_dump())}\n", mimetype=LINES)


@bp.post("/show")
@described(Description(Shown, (JSON,), answer=About))
def show() -> Response:
    """What a model is, and what it does with a prompt. 404 if we serve another."""
    name = _named(checked(Shown, read_json(request)))
    _check_served(name)
    about = {"general.architecture": "blip", "general.name": name}
    return answered(
        About(
            license="\n".join(card.licence for card in _captioners()),
            modelfile=f"# {WHAT_IT_DOES}\nFROM {name}\n",
            model_info=about | {"general.description": WHAT_IT_DOES},
        )
    )


@bp.post("/generate")
@described(Description(Generation, (JSON,), (LINES, JSON), answer=Generated))
def generate() -> Response:
    """Captions ``images``: a sentence a line. JSON lines unless ``stream`` is false."""
    asked = checked(Generation, read_json(request))
    if not asked.prompt and asked.images is None:  # has a model loaded, as ours is
        return _said(asked, "", Generated, done_reason=LOADED)
    return _answer(asked, asked.prompt, asked.images, Generated)


@bp.post("/chat")
@described(Description(Chat, (JSON,), (LINES, JSON), answer=Chatted))
def chat() -> Response:
    """Captions the pictures of the last message that has any; no message is understood.

    Without any it says what it needs, as programs say hello before they are used.
    """
    asked = checked(Chat, read_json(request))
    if asked.tools:
        raise InvalidRequest("tools", NO_TOOLS)
    with_pictures = [message for message in asked.messages or () if message.images]
    if not with_pictures:
        said = NEEDS_A_PICTURE if asked.messages else ""
        return _said(asked, said, Chatted, done_reason="stop" if said else LOADED)
    return _answer(asked, with_pictures[-1].content, with_pictures[-1].images, Chatted)


def _answer(
    asked: Asked, prompt: str | None, pictures: Sequence[str] | None, kind: type[Said]
) -> Response:
    began = time.monotonic_ns()
    _check_served(asked.model)
    if asked.format:
        raise InvalidRequest("format", NO_JSON)
    words = _captions(prompt or "", pictures or (), asked.options or Options())
    return _said(asked, words, kind, taken=time.monotonic_ns() - began)


def _said(
    asked: Asked, words: str, kind: type[Said], taken: int = 0, done_reason: str = "stop"
) -> Response:
    """``taken`` is in nanoseconds. Raises NotFound."""
    _check_served(asked.model)
    end = {"total_duration": taken, "eval_duration": taken, "eval_count": len(words.split())}
    said = {"model": asked.model, "done_reason": done_reason} | kind.words(words) | end
    answer = kind.model_validate(said)
    if asked.stream is False:
        return answered(answer)
    lines = "".join(f"{json.dumps(line)}\n" for line in answer.lines())
    return Response(lines, mimetype=LINES)


def _captions(prompt: str, pictures: Sequence[str], options: Options) -> str:
    """A line for each picture. Raises InvalidRequest, WorkFailed and what captioning raises."""
    if not pictures:
        raise InvalidRequest("images", NO_PICTURE)
    if len(pictures) > MOST_PICTURES:
        problem = f"has {len(pictures)} pictures: at most {MOST_PICTURES} are captioned at a time."
        raise InvalidRequest("images", problem)
    prefix = prefix_of(prompt)
    length = _length(options)
    files = [picture_of("images", picture) for picture in pictures]
    return "\n".join(without_tics(caption(file, prefix, **length)) for file in files)


def _length(options: Options) -> dict[str, int]:
    """Ollama's numbers below 1 mean no bound; chat models' answers are longer than any of ours."""
    wanted = options.num_predict or 0
    return {"max_new_tokens": min(wanted, MAX_NEW_TOKENS)} if wanted > 0 else {}


def _captioners() -> list[ModelCard]:
    return [card for card in services().models if card.role == "captioner"]


def _names() -> list[str]:
    return list(dict.fromkeys([*(card.name for card in _captioners()), *NAMES]))


def _check_served(name: str) -> None:
    """Names are told apart without case and without their tag. Raises NotFound."""
    served = {each.lower() for each in _names()}
    if name.lower().removesuffix(LATEST) not in served:
        raise NotFound(name)


def _named(shown: Shown) -> str:
    """Raises InvalidRequest."""
    if name := shown.model or shown.name:
        return name
    raise InvalidRequest("model", "is missing.")


def _listed(name: str, card: ModelCard) -> Listed:
    name = f"{name}{LATEST}"
    size = next((each.size_bytes for each in KNOWN if each.name == card.name), None)
    digest = sha256(name.encode()).hexdigest()
    return Listed(name=name, model=name, size=size or 0, digest=digest)


def _owns(request: Request) -> bool:
    return request.path.startswith("/api/")


def _error_body(told: Told) -> Response:
    return jsonify(error=told.sentence)


DIALECT = Dialect(bp, _owns, _error_body)
