"""What huggingface_hub raises, in words for whoever waits for a download."""

import errno
from json import JSONDecodeError

from huggingface_hub.errors import (
    FileMetadataError,
    GatedRepoError,
    HfHubHTTPError,
    LocalEntryNotFoundError,
    OfflineModeIsEnabled,
    RemoteEntryNotFoundError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

FULL_DISK = (errno.ENOSPC, errno.EDQUOT)


def in_words(error: BaseException, repository: str, endpoint: str) -> str:
    """One sentence without its full stop, which says what may be done. Never a token."""
    if isinstance(error, HfHubHTTPError):
        return _answer(error, repository, endpoint)
    # In these the library wraps what happened, with advice of its own.
    if isinstance(error, LocalEntryNotFoundError | ValueError) and error.__cause__:
        return in_words(error.__cause__, repository, endpoint)
    if isinstance(error, OfflineModeIsEnabled):
        return "HF_HUB_OFFLINE is set, so nothing is fetched: unset it"
    if isinstance(error, FileMetadataError | JSONDecodeError):
        return no_hub(endpoint)
    if isinstance(error, OSError) and not isinstance(error, ConnectionError | TimeoutError):
        return on_this_machine(error)
    if isinstance(error, ValueError):
        return f"{repository} cannot be fetched: {_first_line(error)}"
    return f"{endpoint} cannot be reached: look at the network ({_first_line(error)})"


def no_hub(endpoint: str) -> str:
    return f"{endpoint} does not answer as a Hugging Face hub does: look at HF_ENDPOINT"


def _answer(error: HfHubHTTPError, repository: str, endpoint: str) -> str:
    status = error.response.status_code
    match error:
        case GatedRepoError():
            return (
                f"{repository} is given to those who accepted its licence: do so at"
                f" {endpoint}/{repository}, and set HF_TOKEN to a token of that account"
            )
        case RepositoryNotFoundError():
            return (
                f"The hub has no {repository}, or hides it: look at its spelling, or set HF_TOKEN"
                " to the token of an account that may read it"
            )
        case RevisionNotFoundError() | RemoteEntryNotFoundError():
            return f"The hub does not have all of {repository} at the commit that is wanted"
    match status:
        case 401 | 403:
            return (
                f"The hub refused access to {repository} ({status}): set HF_TOKEN to a token that"
                " is valid, or unset it"
            )
        case 429:
            return "The hub has had too many requests from here (429): wait a few minutes"
    return f"The hub failed on {repository} ({status}): wait a while"


def on_this_machine(error: OSError) -> str:
    if error.errno in FULL_DISK:
        return "The disk is full: make room"
    if error.errno is None:
        # huggingface_hub's own check of sizes raises an OSError that has nothing but its text.
        is_size = str(error).startswith("Consistency check failed")
        came = "A file came in another size than the hub had said: wait a while"
        return came if is_size else _first_line(error)
    return f"{error.filename or 'A file'} cannot be written: {error.strerror}. Change that"


def _first_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
