"""Why there is no answer, as views raise it: the sentence is for the client."""

from collections.abc import Iterable

from werkzeug.exceptions import RequestEntityTooLarge

NO_CAPTION = "The captioner has no words for this picture: try another one."
CAPTION_FAILED = "The captioner failed on this picture: try another one."


class WorkFailed(Exception):
    """The model failed at this request."""


class PictureTooLarge(RequestEntityTooLarge):
    """One picture is larger than the server takes, whatever its request brought beside it."""


class UnknownModel(Exception):
    """A dialect was asked for a model that is not served."""

    def __init__(self, name: str, served: Iterable[str]) -> None:
        super().__init__(f"Model {name} is not served here. Available: {', '.join(served)}.")


class ClientLeft(Exception):
    """Nobody waits for the answer any more."""

    def __init__(self) -> None:
        super().__init__("The job was cancelled.")
