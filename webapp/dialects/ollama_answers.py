"""What Ollama's addresses answer, in the fields that its clients' types have."""

from datetime import UTC, datetime
from typing import Any, Literal

from pydantic import Field

from webapp.dialects.answer import Answer

# Clients parse it and show it; the files' own date says nothing of the model.
MODIFIED = "1970-01-01T00:00:00Z"


class Version(Answer):
    version: str


class Details(Answer):
    parent_model: str = ""
    format: str = "safetensors"
    family: str = "blip"
    families: list[str] = ["blip"]
    parameter_size: str = ""
    quantization_level: str = ""


class Listed(Answer):
    name: str
    model: str
    modified_at: str = MODIFIED
    size: int
    digest: str
    details: Details = Details()


class Tags(Answer):
    models: list[Listed]


class Pulled(Answer):
    status: Literal["success"] = "success"


class About(Answer):
    license: str
    modelfile: str
    parameters: str = ""
    template: str = "{{ .Prompt }}"
    details: Details = Details()
    model_info: dict[str, str]
    capabilities: list[str] = ["completion", "vision"]
    modified_at: str = MODIFIED


class End(Answer):
    """What only the end of an answer has.

    Times are in nanoseconds. Clients divide a count by its time, for a speed.
    """

    done_reason: Literal["stop", "load"] = "stop"
    total_duration: int
    load_duration: int = 0
    prompt_eval_count: int = 0
    prompt_eval_duration: int = 0
    eval_count: int
    eval_duration: int


class Said(End):
    """What both addresses say. ``lines`` is the same as a stream: the words, and then the end."""

    model: str
    created_at: str = Field(default_factory=lambda: f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S.%fZ}")
    done: Literal[True] = True

    def lines(self) -> list[dict[str, Any]]:
        begun = self.model_dump(exclude={*End.model_fields, "context"}) | {"done": False}
        return [begun, self.model_dump() | self.words("")]

    @staticmethod
    def words(said: str) -> dict[str, Any]:
        """The field that holds them."""
        raise NotImplementedError


class Generated(Said):
    """``context`` is a conversation so far, of which nothing is kept."""

    response: str
    context: list[int] = []

    @staticmethod
    def words(said: str) -> dict[str, Any]:
        return {"response": said}


class Message(Answer):
    role: Literal["assistant"] = "assistant"
    content: str


class Chatted(Said):
    message: Message

    @staticmethod
    def words(said: str) -> dict[str, Any]:
        return {"message": Message(content=said).model_dump()}
