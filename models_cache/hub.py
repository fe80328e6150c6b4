"""The Hugging Face hub: what a repository holds, and its files, by way of huggingface_hub."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from json import JSONDecodeError
from pathlib import Path

import httpx2
from huggingface_hub import HfApi
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

from models_cache.advice import CannotFetch, first_line
from models_cache.records import COMMIT

# Until the hub answers. Transfers have huggingface_hub's own limits.
TIMEOUT_SECONDS = 15
FULL_DISK = (errno.ENOSPC, errno.EDQUOT)


@dataclass(frozen=True, slots=True)
class Listing:
    """A repository at one commit. A size is None if the hub does not say it."""

    revision: str
    licence: str | None
    sizes: dict[str, int | None]


@dataclass(frozen=True, slots=True)
class Hub:
    """``endpoint`` None is what HF_ENDPOINT names, or the public hub.

    A token is read as huggingface_hub does, from HF_TOKEN or its own file. All methods raise
    CannotFetch, with a sentence that never holds a token.
    """

    endpoint: str | None = None

    def listing(self, repository: str, revision: str | None) -> Listing:
        """One request, which is not repeated. ``revision`` None is main."""
        with self._errors(repository):
            info = self._api.model_info(
                repository, revision=revision, timeout=TIMEOUT_SECONDS, files_metadata=True
            )
        if not info.sha or not COMMIT.fullmatch(info.sha):
            raise CannotFetch(_no_hub(self._api.endpoint))
        sizes = {file.rfilename: file.size for file in info.siblings or ()}
        licence = info.card_data.get("license") if info.card_data else None
        return Listing(info.sha, licence if isinstance(licence, str) else None, sizes)

    def fetch(
        self, repository: str, revision: str, file: str, cache: Path, again: bool = False
    ) -> Path:
        """Fetches one file at a commit, with a progress bar; ``again`` replaces one that is there.

        A transfer that breaks off is resumed where it broke, as long as the hub comes back within
        seconds.
        """
        with self._errors(repository):
            return Path(
                self._api.hf_hub_download(
                    repository, file, revision=revision, cache_dir=cache, force_download=again
                )
            )

    @property
    def _api(self) -> HfApi:
        return HfApi(endpoint=self.endpoint)

    @contextmanager
    def _errors(self, repository: str) -> Iterator[None]:
        try:
            yield
        # What the HTTP client, the file system, the hub library and its native transfers raise.
        except (httpx2.HTTPError, OSError, ValueError, RuntimeError) as error:
            raise CannotFetch(_in_words(error, repository, self._api.endpoint)) from error


def on_this_machine(error: OSError) -> str:
    """Words for what the file system refused, and how to mend it, without a full stop."""
    if error.errno in FULL_DISK:
        return "The disk is full: make room"
    if error.errno is None:
        # huggingface_hub's own check of sizes raises an OSError that has nothing but its text.
        is_size = str(error).startswith("Consistency check failed")
        came = "A file came in another size than the hub had said: wait a while"
        return came if is_size else first_line(error)
    return f"{error.filename or 'A file'} cannot be written: {error.strerror}. Change that"


def _in_words(error: BaseException, repository: str, endpoint: str) -> str:
    if isinstance(error, HfHubHTTPError):
        return _refusal(error, repository, endpoint)
    # In these the library wraps what happened, with advice of its own.
    if isinstance(error, LocalEntryNotFoundError | ValueError) and error.__cause__:
        return _in_words(error.__cause__, repository, endpoint)
    if isinstance(error, OfflineModeIsEnabled):
        return "HF_HUB_OFFLINE is set, so nothing is fetched: unset it"
    if isinstance(error, FileMetadataError | JSONDecodeError):
        return _no_hub(endpoint)
    if isinstance(error, OSError) and not isinstance(error, ConnectionError | TimeoutError):
        return on_this_machine(error)
    if isinstance(error, ValueError):
        return f"{repository} cannot be fetched: {first_line(error)}"
    return f"{endpoint} cannot be reached: look at the network ({first_line(error)})"


def _no_hub(endpoint: str) -> str:
    return f"{endpoint} does not answer as a Hugging Face hub does: look at HF_ENDPOINT"


def _refusal(error: HfHubHTTPError, repository: str, endpoint: str) -> str:
    status = error.response.status_code
    match error:
        case GatedRepoError():
            return (
                f"{repository} is given to those who accepted its licence: do so at"
                f" {endpoint}/{repository}, and set HF_TOKEN to a token of that account"
            )
        case RepositoryNotFoundError():
            return (
                f"There is no folder {repository}, and the hub has no such model, or hides it: look"
                " at its spelling, or set HF_TOKEN to the token of an account that may read it"
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
