"""What clients do: what is meant, what is mistaken, and what is rude."""

import contextlib
import time
from collections.abc import Callable
from urllib.parse import urlencode

from scripts.benchmarks.client import BOUNDARY, form
from scripts.load_test.journal import LEFT
from scripts.load_test.visitor import Visitor
from webapp import examples

Action = Callable[[Visitor], None]

MAX_UPLOAD_MB = 1  # of the server that is loaded: what is too large for it is sent in no time
TOO_LARGE = b"x" * (MAX_UPLOAD_MB * 3 * 2**19)  # read to its end, and refused
FAR_TOO_LARGE = 100 * 2**20  # announced, and refused before it is read
MULTIPART = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}
MORE_THAN_ALL_STREAMS = 140
PLACES = ("/", "/about", "/api", "/healthz", "/readyz", "/loading", "/static/style.css")
TRIES = 3
# Small and few: what is tried here are jobs and clients, and not how an image is painted.
MAX_STEPS, MANY_STEPS = 4, 40
SIZES = (32, 64, 128)


# The page.


def upload(visitor: Visitor, **more: object) -> str | None:
    """The address of the job that a picture became; None where the queue stayed full."""
    fields = {"num_inference_steps": visitor.rng.randint(1, MAX_STEPS), **more}
    picture = examples.read(visitor.rng.choice(examples.names()))
    for _ in range(TRIES):
        with visitor.asking("upload", "POST", "/", form(picture, fields), MULTIPART) as answer:
            answer.read()
        if answer.status == 303:
            job = answer.headers["Location"]
            visitor.journal.add_job(job.removeprefix("/jobs/"))
            return job
        visitor.rest(answer)
    return None


def follow(visitor: Visitor, job: str, lines: int | None = None) -> None:
    """Reads the job's events to their end, or only so many lines of them."""
    kind = "events" if lines is None else "events, left half way"
    with visitor.asking(kind, "GET", f"{job}/events") as answer:
        for number, _ in enumerate(answer):
            if number == lines:
                return


def get(visitor: Visitor, kind: str, path: str) -> None:
    with visitor.asking(kind, "GET", path) as answer:
        answer.read()


def use_page(visitor: Visitor) -> None:
    if job := upload(visitor, images=visitor.rng.choice((1, 1, 1, 2, 4))):
        get(visitor, "job", job)
        follow(visitor, job)
        for picture in ("original.jpg", "thumbnail.jpg", "preview.jpg", "image.png"):
            get(visitor, "picture", f"{job}/{picture}")
        if visitor.rng.random() < 0.3:
            post(visitor, "again", f"{job}/again", prompt="a red house by the sea")
        if visitor.rng.random() < 0.3:
            post(visitor, "delete", f"{job}/delete")


def leave_events(visitor: Visitor) -> None:
    """Leaves and comes back, as a browser whose tab is closed and opened."""
    if job := upload(visitor):
        for _ in range(visitor.rng.randint(1, 4)):
            follow(visitor, job, lines=visitor.rng.randint(0, 12))
        get(visitor, "job", job)


def cancel(visitor: Visitor) -> None:
    """While it waits, while it is painted, or after its end."""
    if job := upload(visitor):
        time.sleep(visitor.rng.uniform(0, 2))
        post(visitor, "cancel", f"{job}/cancel")


def post(visitor: Visitor, kind: str, path: str, **fields: object) -> None:
    with visitor.asking(kind, "POST", path, form(None, fields), MULTIPART) as answer:
        answer.read()
    if kind == "again" and answer.status == 303:
        visitor.journal.add_job(answer.headers["Location"].removeprefix("/jobs/"))


def look_around(visitor: Visitor) -> None:
    get(visitor, "page", visitor.rng.choice(PLACES))
    get(visitor, "unknown", f"/jobs/{visitor.rng.getrandbits(128):032x}")


# The image API.


def image_path(visitor: Visitor) -> str:
    fields = {
        "prompt": visitor.rng.choice(examples.names()),
        "width": visitor.rng.choice(SIZES),
        "height": visitor.rng.choice(SIZES),
        "num_inference_steps": visitor.rng.randint(1, MAX_STEPS),
    }
    return f"/generate-image?{urlencode(fields)}"


def call(visitor: Visitor) -> None:
    path = image_path(visitor)
    for _ in range(TRIES):
        with visitor.asking("call", "GET", path) as answer:
            answer.read()
        if answer.status != 429:
            return
        visitor.rest(answer)


def leave_call(visitor: Visitor) -> None:
    """Hangs up while the job waits or is painted."""
    path = image_path(visitor)
    with visitor.leaving("call, left before its answer", path) as connection:
        connection.request("GET", path)
        time.sleep(visitor.rng.choice((0, visitor.rng.uniform(0, 3))))


def leave_answer(visitor: Visitor) -> None:
    """Hangs up in the middle of the image."""
    with visitor.asking("call, left in its answer", "GET", image_path(visitor)) as answer:
        answer.read(100)


# Mistakes.


def bad_file(visitor: Visitor) -> None:
    picture = examples.read(visitor.rng.choice(examples.names()))
    broken = (b"", visitor.rng.randbytes(500), picture[: len(picture) // 2], b"GIF89a")
    body = form(visitor.rng.choice(broken), {})
    with visitor.asking("bad file", "POST", "/", body, MULTIPART) as answer:
        answer.read()


def bad_fields(visitor: Visitor) -> None:
    wrong = {"num_inference_steps": visitor.rng.choice(("many", 0, 10**9)), "prompt": "a cat"}
    get(visitor, "bad fields", f"/generate-image?{urlencode(wrong)}")


def too_large(visitor: Visitor) -> None:
    with visitor.asking("too large", "POST", "/", form(TOO_LARGE, {}), MULTIPART) as answer:
        answer.read()


def far_too_large(visitor: Visitor) -> None:
    """Announces a body, sends the beginning of it, and reads why the rest is not wanted."""
    headers = {**MULTIPART, "Content-Length": str(FAR_TOO_LARGE)}
    with visitor.asking("far too large", "POST", "/", TOO_LARGE[:1000], headers) as answer:
        answer.read()


# Rudeness.


def leave_upload(visitor: Visitor) -> None:
    """Hangs up in the middle of the picture."""
    body = form(TOO_LARGE[: 2**19], {})
    with visitor.leaving("upload, left half way", "/") as connection:
        connection.putrequest("POST", "/")
        for name, value in (*MULTIPART.items(), ("Content-Length", str(len(body)))):
            connection.putheader(name, value)
        connection.endheaders(body[: visitor.rng.randrange(len(body))])


def crowd(visitor: Visitor) -> None:
    """Follows one job more often than all jobs may be followed: here the server answers 503."""
    if job := upload(visitor, num_inference_steps=MANY_STEPS):
        with contextlib.ExitStack() as streams:
            for _ in range(MORE_THAN_ALL_STREAMS):
                streams.enter_context(visitor.asking("crowd", "GET", f"{job}/events"))
        post(visitor, "cancel", f"{job}/cancel")


MIX: dict[Action, int] = {
    use_page: 20,
    leave_events: 12,
    cancel: 12,
    look_around: 15,
    call: 14,
    leave_call: 12,
    leave_answer: 8,
    bad_file: 10,
    bad_fields: 6,
    too_large: 5,
    far_too_large: 5,
    leave_upload: 8,
    crowd: 1,
}

# A job may be forgotten once it has ended, and its events refused while a crowd follows others'.
EXPECTED: dict[str, set[int]] = {
    "upload": {303, 429},
    "job": {200, 404},
    "events": {200, 204, 404, 503},
    "events, left half way": {200, 204, 404, 503},
    "crowd": {200, 204, 404, 503},
    "picture": {200, 404, 409},
    "again": {303, 404, 429},
    "delete": {303, 404},
    "cancel": {200, 404},
    "page": {200},
    "unknown": {404},
    "call": {200, 429},
    "call, left before its answer": {LEFT},
    "call, left in its answer": {200, 429},
    "bad file": {400},
    "bad fields": {400},
    "too large": {413},
    "far too large": {413},
    "upload, left half way": {LEFT},
}
