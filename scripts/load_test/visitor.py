"""One client: its address, its dice, and its connections, each of which is for one request."""

import contextlib
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from http.client import HTTPConnection, HTTPException, HTTPResponse
from random import Random

from scripts.load_test.journal import LEFT, NO_ANSWER, Journal
from scripts.load_test.site import Site

PEOPLE = 16  # the server takes each address for one: more clients than people share their turns
# A busy machine may take minutes for a full queue; whoever gets no answer waited for nothing.
PATIENCE_SECONDS = 600.0
MEAN_PAUSE_SECONDS = 0.3
MAX_REST_SECONDS = 3.0


class NoAnswer(Exception):
    """The connection ended before its answer, and the client had not left. It is noted already."""


class Visitor:
    """Not for two threads at once; what it sees goes to ``journal``."""

    def __init__(self, site: Site, journal: Journal, number: int, rng: Random) -> None:
        self.site = site
        self.journal = journal
        self.rng = rng
        self.address = f"127.0.1.{1 + number % PEOPLE}"

    def stay(self, actions: Sequence[Callable[["Visitor"], None]], weights: Sequence[int]) -> None:
        """Does one of ``actions``, by their weights, and pauses."""
        (action,) = self.rng.choices(actions, weights)
        with contextlib.suppress(NoAnswer):
            action(self)
        time.sleep(self.rng.expovariate(1 / MEAN_PAUSE_SECONDS))

    @contextlib.contextmanager
    def asking(
        self,
        kind: str,
        method: str,
        path: str,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Iterator[HTTPResponse]:
        """The answer, to be read in the block; what is unread at its end is hung up on.

        Notes its status, and the seconds up to the end of the block. Raises NoAnswer.
        """
        status, began = NO_ANSWER, time.perf_counter()
        try:
            connection = self.connection(path)
            connection.request(method, path, body, {"Connection": "close", **(headers or {})})
            with contextlib.closing(connection), connection.getresponse() as answer:
                yield answer
                status = answer.status
                self._check_retry_after(kind, answer)
        except (OSError, HTTPException) as error:
            raise NoAnswer(kind) from error
        finally:
            self.journal.note(kind, status, time.perf_counter() - began)

    @contextlib.contextmanager
    def leaving(self, kind: str, path: str) -> Iterator[HTTPConnection]:
        """A connection that is hung up on at the end of the block. Raises NoAnswer."""
        status, began = NO_ANSWER, time.perf_counter()
        try:
            with contextlib.closing(self.connection(path)) as connection:
                yield connection
            status = LEFT
        except OSError as error:
            raise NoAnswer(kind) from error
        finally:
            self.journal.note(kind, status, time.perf_counter() - began)

    def connection(self, path: str) -> HTTPConnection:
        """To the port that this path is asked on; not connected yet."""
        is_api = path.startswith("/generate-image")
        port = self.site.api_port if is_api else self.site.page_port
        source = (self.address, 0)
        return HTTPConnection(self.site.host, port, PATIENCE_SECONDS, source_address=source)

    def rest(self, answer: HTTPResponse) -> None:
        """Obeys ``Retry-After`` every other time, as far as a test has time for it."""
        if self.rng.random() < 0.5:
            seconds = float(answer.headers.get("Retry-After", 0))
            time.sleep(min(seconds, MAX_REST_SECONDS))

    def _check_retry_after(self, kind: str, answer: HTTPResponse) -> None:
        if answer.status in (429, 503) and "Retry-After" not in answer.headers:
            self.journal.note_missing_retry_after(kind, answer.status)
