"""A browser that was let in: a cookie, signed with the key that it stands for.

Images, event streams and forms send no headers of ours, so the page needs a cookie. It is not the
key, and it ends with it: once a key is taken out of the file, no cookie of it is worth anything.
"""

from flask import Request, Response

from webapp.keys import Keys
from webapp.signatures import Signer

# Cookies know no ports: a plainer name might be that of another program on this machine.
COOKIE = "lookalike_session"
MAX_AGE_SECONDS = 90 * 24 * 3600
PURPOSE = "session"


def begin(request: Request, response: Response, name: str, keys: Keys) -> None:
    """Lets the browser in as the holder of the key of that name, until 90 days from now."""
    response.set_cookie(
        COOKIE,
        Signer(keys.by_name[name], PURPOSE).sign(name).decode(),
        MAX_AGE_SECONDS,
        path=f"{request.root_path}/",
        secure=request.is_secure,
        httponly=True,
        samesite="Strict",
    )


def name_of(request: Request, keys: Keys) -> str | None:
    """Whose browser this is; None if it was not let in, or too long ago."""
    cookie = request.cookies.get(COOKIE, "")
    name = cookie.partition(".")[0]
    key = keys.by_name.get(name)
    signed = cookie.encode(errors="replace")
    return name if key and Signer(key, PURPOSE).validate(signed, MAX_AGE_SECONDS) else None
