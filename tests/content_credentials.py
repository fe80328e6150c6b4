"""A reader of Content Credentials that is not ours: c2pa's own."""

import importlib.util
import json
from io import BytesIO

import pytest

IS_MISSING = importlib.util.find_spec("c2pa") is None
SKIP = pytest.mark.skipif(IS_MISSING, reason="requirements-c2pa.txt is not installed")
NEEDS_C2PA = [pytest.mark.c2pa, SKIP]


def needs_c2pa(test):
    return pytest.mark.c2pa(SKIP(test))


def credentials_of(data: bytes, mimetype: str) -> dict:
    """What a file's manifests say, and whether that holds. Raises C2paError if there are none."""
    import c2pa

    with c2pa.Reader(mimetype, BytesIO(data)) as reader:
        return json.loads(reader.json())
