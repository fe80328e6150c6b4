"""Words that only a holder of a key can have written, with the time when they were."""

import hashlib
import time
from collections.abc import Callable

from itsdangerous import TimestampSigner


class Signer(TimestampSigner):
    """itsdangerous's, with SHA-256. What is signed for one ``purpose`` is worth nothing for others.

    ``validate(value, max_age)`` is False also for what is too old or of the future. (There are
    several spellings of one signature: a value is known again by the words in it alone.)
    """

    def __init__(self, key: str, purpose: str, clock: Callable[[], float] = time.time) -> None:
        super().__init__(key, purpose, key_derivation="hmac", digest_method=hashlib.sha256)
        self._clock = clock

    def get_timestamp(self) -> int:
        return int(self._clock())
