"""The door: who is let in, the page that asks for a key, and invitations.

Without a key file the door is open.
"""

import re

from flask import (
    Blueprint,
    Request,
    Response,
    current_app,
    g,
    redirect,
    render_template,
    request,
    url_for,
)
from werkzeug.datastructures import WWWAuthenticate
from werkzeug.exceptions import (
    Forbidden,
    Gone,
    HTTPException,
    NotFound,
    TooManyRequests,
    Unauthorized,
)

from webapp import sessions
from webapp.client import address
from webapp.dialects.description import FORM, HTML, Description, described
from webapp.fields import Key
from webapp.keys import Keys
from webapp.services import services
from webapp.tries import TooManyTries

bp = Blueprint("door", __name__)

# All that the page which asks for a key is made of. The rest needs one.
OPEN = {"health.healthz", "health.readyz"}
OPEN |= {"door.enter", "door.back", "door.invitation", "door.accept"}
OPEN_FILES = {"style.css", "icon.svg"}
# Closed where all others are open to everybody.
OWNERS = {"metrics.show", "status.status"}
# Of this server: not "//elsewhere", nor what browsers take for that.
OWN_PATH = re.compile(r"/(?![/\\])[!-~]*")

# Told on the page that asks for a key: no other page is shown to whom they are told.
AT_THE_DOOR = (Unauthorized, TooManyRequests, Gone)

NO_KEY = "This server needs a key: send it as Authorization: Bearer KEY."
WRONG_KEY = "This is not a key of this server: look at it again."
OWNERS_ALONE = "This is for the server's owner: it opens with a key, if there is a --key-file."
USED = (
    "This invitation is used or older than a day, or the server was started anew: ask for another."
)


def check_key() -> None:
    """Before each request: refuses whoever has no key.

    Raises Unauthorized, TooManyRequests, and Forbidden for what only a key would open.
    """
    keys = services().keys
    if keys is None and current_app.config["INSECURE_OPEN"] and request.endpoint in OWNERS:
        raise Forbidden(OWNERS_ALONE)
    if keys is None or is_open(request):
        return
    g.key_name = sessions.name_of(request, keys) or _name_of_sender(request)


def page(error: HTTPException) -> Response:
    """Asks for a key, and tells the error unless it is only that there was none."""
    if error.description != NO_KEY:
        return _page(error=error.description)
    is_form = request.method not in ("GET", "HEAD")
    return _page(wanted="" if is_form else f"{request.root_path}{request.full_path}".rstrip("?"))


def _page(**values: object) -> Response:
    response = Response(render_template("door.html", **values))
    response.headers["Cache-Control"] = "no-store"
    return response


def is_open(request: Request) -> bool:
    """By the view, not by the path: several paths lead to one view."""
    if request.endpoint == "static":
        return (request.view_args or {}).get("filename") in OPEN_FILES
    return request.endpoint in OPEN


def _name_of_sender(request: Request) -> str:
    """By the header Authorization; of Basic the password is the key, and any name will do."""
    scheme, _, sent = request.headers.get("Authorization", "").strip().partition(" ")
    if scheme.lower() == "bearer":  # as it is: a key with = inside would be read as parameters
        key: str | None = sent.strip()
    else:
        key = request.authorization.password if request.authorization else None
    if not key:
        raise _unauthorized(NO_KEY)
    return _name_of(key)


def _name_of(key: str) -> str:
    keys = _keys()
    try:
        name = services().tries.judge(address(), lambda: keys.name_of(key))
    except TooManyTries as error:
        raise TooManyRequests(str(error), retry_after=error.seconds) from error
    if name is None:
        raise _unauthorized(WRONG_KEY)
    return name


def _unauthorized(sentence: str) -> Unauthorized:
    return Unauthorized(
        sentence, www_authenticate=WWWAuthenticate("bearer", {"realm": "Lookalike server"})
    )


@bp.post("/enter")
@described(Description(Key, (FORM,), (), (303,)))
def enter() -> Response:
    """Lets the browser in that sends a key by the page's form; 303 to where it wanted to go."""
    name = _name_of(request.form.get("key", "").strip())
    wanted = request.form.get("next", "")
    return _let_in(name, wanted if OWN_PATH.fullmatch(wanted) else url_for("pages.index"))


@bp.get("/enter")
@described(Description(answers=(), statuses=(303,)))
def back() -> Response:
    """For a browser that reloads what was answered to the form."""
    response: Response = redirect(url_for("pages.index"), 303)  # type: ignore[assignment]
    return response


@bp.get("/invitation/<token>")
@described(Description(answers=(HTML,), statuses=(410,)))
def invitation(token: str) -> Response:
    """A page with a button. Messengers open links, too: only the button uses the invitation."""
    if services().invitations.name_of(token, _keys()) is None:
        raise Gone(USED)
    return _page(token=token)


@bp.post("/invitation/<token>")
@described(Description(answers=(), statuses=(303, 410)))
def accept(token: str) -> Response:
    """Lets the browser in, once; 303 to the page."""
    name = services().invitations.use(token, _keys())
    if name is None:
        raise Gone(USED)
    return _let_in(name, url_for("pages.index"))


def _let_in(name: str, location: str) -> Response:
    response: Response = redirect(location, 303)  # type: ignore[assignment]
    sessions.begin(request, response, name, _keys())
    return response


def _keys() -> Keys:
    """Raises NotFound if the door is open to all."""
    keys = services().keys
    if keys is None:
        raise NotFound
    return keys
