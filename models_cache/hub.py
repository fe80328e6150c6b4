"""The Hugging Face hub: what a repository holds, and its files, by way of huggingface_hub."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx2
from huggingface_hub import HfApi

from models_cache import hub_error
from models_cache.manifest import COMMIT

# Until the hub answers. Transfers have huggingface_hub's own limits.
TIMEOUT_SECONDS = 15


class HubError(Exception):
    """What went wrong and what may mend it. A sentence without its full stop."""


@dataclass(frozen=True, slots=True)
class Listing:
    """A repository at one commit. A size is None where the hub does not say it."""

    revision: str
    licence: str | None
    sizes: dict[str, int | None]


@dataclass(frozen=True, slots=True)
class Hub:
    """``endpoint`` None is what HF_ENDPOINT names, or the public hub.

    A token is read as huggingface_hub does, from HF_TOKEN or its own file.
    """

    endpoint: str | None = None

    def listing(self, repository: str, revision: str | None) -> Listing:
        """One request, which is not repeated. ``revision`` None is main. Raises HubError."""
        with self._errors(repository):
            info = self._api.model_info(
                repository, revision=revision, timeout=TIMEOUT_SECONDS, files_metadata=True
            )
        if not info.sha or not COMMIT.fullmatch(info.sha):
            raise HubError(hub_error.no_hub(self._api.endpoint))
        sizes = {file.rfilename: file.size for file in info.siblings or ()}
        licence = info.card_data.get("license") if info.card_data else None
        return Listing(info.sha, licence if isinstance(licence, str) else None, sizes)

    def fetch(
        self, repository: str, revision: str, file: str, cache: Path, again: bool = False
    ) -> None:
        """One file at a commit, with a progress bar; ``again`` replaces one that is there.

        A transfer that breaks off is resumed where it broke, as long as the hub comes back within
        seconds. Raises HubError.
        """
        with self._errors(repository):
            self._api.hf_hub_download(
                repository, file, revision=revision, cache_dir=cache, force_download=again
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
            raise HubError(hub_error.in_words(error, repository, self._api.endpoint)) from error
