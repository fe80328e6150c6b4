"""The jobs of one browser, by a cookie that holds their ids and nothing else.

Ids cannot be guessed, scripts cannot read the cookie, and no other site can send it.
"""

import re
from collections.abc import Collection, Iterable

from flask import Request, Response

from webapp.job_store import Entry, JobStore

COOKIE = "mine"
# As many as the queue takes of one person. Proxies read 4 KiB of an answer's headers, or few more.
MOST = 64
MAX_AGE_SECONDS = 30 * 24 * 3600
JOB_ID = re.compile("[0-9a-f]{32}")


def entries(request: Request, jobs: JobStore) -> list[Entry]:
    """The browser's jobs that are still kept, the newest first."""
    return jobs.known(_ids(request))


def remember(request: Request, response: Response, job_ids: Iterable[str]) -> None:
    """Adds jobs, the last of them in front; the oldest are dropped."""
    _write(request, response, dict.fromkeys([*reversed(list(job_ids)), *_ids(request)]))


def forget(request: Request, response: Response, job_ids: Collection[str]) -> None:
    """Drops these. What is unknown here may be another server's: cookies know no ports."""
    _write(request, response, [each for each in _ids(request) if each not in job_ids])


def _ids(request: Request) -> list[str]:
    ids = request.cookies.get(COOKIE, "").split(".")
    return list(dict.fromkeys(each for each in ids if JOB_ID.fullmatch(each)))[:MOST]


def _write(request: Request, response: Response, job_ids: Iterable[str]) -> None:
    value = ".".join(list(job_ids)[:MOST])
    options = {"httponly": True, "samesite": "Strict", "path": f"{request.root_path}/"}
    if value:
        response.set_cookie(COOKIE, value, MAX_AGE_SECONDS, **options)  # type: ignore[arg-type]
    else:
        response.delete_cookie(COOKIE, **options)  # type: ignore[arg-type]
