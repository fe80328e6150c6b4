"""Invitations: links that let one browser in, once, within a day.

A token is signed with a key, so that ``scripts/invite`` makes one from the key file alone, without
a word to the server. The server remembers those that were used, in memory: nothing has to be
written, and a key file that is read-only serves too. So that a restart makes no used one good
again, it refuses all that are older than itself.
"""

import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Lock

from itsdangerous import BadSignature

from webapp.keys import Keys
from webapp.signatures import Signer

MAX_AGE_SECONDS = 24 * 3600
PURPOSE = "invitation"


def make(key: str, clock: Callable[[], float] = time.time) -> str:
    """A token: a number that no other has, the time, and a signature."""
    return Signer(key, PURPOSE, clock).sign(secrets.token_urlsafe(9)).decode()


@dataclass
class Invitations:
    """Those that were used since the server ``began``. For any thread."""

    clock: Callable[[], float] = time.time
    began: float = field(default_factory=time.time)
    _used: dict[bytes, float] = field(default_factory=dict)  # numbers, and when each is too old
    _lock: Lock = field(default_factory=Lock)

    def name_of(self, token: str, keys: Keys) -> str | None:
        """Whose key the token was made with; None if it is not good, or not any more."""
        with self._lock:
            return self._find(token, keys)[0]

    def use(self, token: str, keys: Keys) -> str | None:
        """As ``name_of``; from now on the token is not good any more."""
        with self._lock:
            name, number = self._find(token, keys)
            if name is not None:
                now = self.clock()
                self._used = {each: end for each, end in self._used.items() if end >= now}
                self._used[number] = now + MAX_AGE_SECONDS
            return name

    def _find(self, token: str, keys: Keys) -> tuple[str | None, bytes]:
        """The name, and the token's number. Called under the lock."""
        for name, key in keys.by_name.items():
            number, made = self._read(token, key)
            if made >= int(self.began) and number not in self._used:
                return name, number
        return None, b""

    def _read(self, token: str, key: str) -> tuple[bytes, float]:
        """The number, and when the token was made: -1 if it is too old, or not this key's."""
        signed = token.encode(errors="replace")
        try:
            number, made = Signer(key, PURPOSE, self.clock).unsign(signed, MAX_AGE_SECONDS, True)
        except BadSignature:
            return b"", -1
        return number, made.timestamp()
