"""Flask's ``request``, with uploaded files in memory."""

from io import BytesIO
from typing import IO

from flask import Request


class FormRequest(Request):
    """Needs no temporary folder, which may be small, full or missing.

    (``MAX_CONTENT_LENGTH`` bounds one form, and ``BodyMemory`` all forms together.)
    """

    def _get_file_stream(
        self,
        total_content_length: int | None,
        content_type: str | None,
        filename: str | None = None,
        content_length: int | None = None,
    ) -> IO[bytes]:
        """Called by werkzeug for each file of a form."""
        return BytesIO()
