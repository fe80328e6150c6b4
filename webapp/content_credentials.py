"""Content Credentials: image files are signed as C2PA says, with a key of the server's own.

Needs what requirements-c2pa.txt names, and is imported only if the owner wants it.
"""

import json
from io import BytesIO
from pathlib import Path

import c2pa
from PIL import Image

from generator.marking import SourceType
from models_cache.advice import CannotStart
from webapp.signing_key import ADVICE, SigningKey

# Else each file would hold a second, small image, for 60 ms and 155 kB.
SETTINGS = {"builder": {"thumbnail": {"enabled": False}}}
# Who vouches for the time: asking would be a request to somebody else's server.
NOBODY = None


class ContentCredentials:
    """``sign`` is for any thread."""

    def __init__(self, key: SigningKey) -> None:
        algorithm = c2pa.C2paSigningAlg.ES256
        info = c2pa.C2paSignerInfo(algorithm, key.certificates, key.private, NOBODY)
        self._signer = c2pa.Signer.from_info(info)
        self._context = c2pa.Context.from_dict(SETTINGS)

    @classmethod
    def open(cls, file: Path) -> "ContentCredentials":
        """Reads the key, or makes it, and signs once to try it. Raises CannotStart."""
        key, png = SigningKey.read(file), BytesIO()
        Image.new("RGB", (1, 1)).save(png, "PNG")
        try:
            credentials = cls(key)
            credentials.sign(png.getvalue(), "image/png", "none")
        except c2pa.C2paError as error:
            raise CannotStart(f"the key in {file} cannot sign: {error}", ADVICE) from error
        return credentials

    def sign(self, data: bytes, mimetype: str, model: str) -> bytes:
        """Raises C2paError, among others."""
        signed = BytesIO()
        with c2pa.Builder(manifest(mimetype, model), self._context) as builder:
            builder.sign(self._signer, mimetype, BytesIO(data), signed)
        return signed.getvalue()


def manifest(mimetype: str, model: str) -> str:
    """What is signed, beside the image itself: that ``model`` made it."""
    action = {
        "action": "c2pa.created",
        "digitalSourceType": SourceType.TRAINED.uri,
        "softwareAgent": {"name": model},
    }
    told = {
        "claim_generator_info": [{"name": "Lookalike"}],
        "format": mimetype,
        "assertions": [{"label": "c2pa.actions", "data": {"actions": [action]}}],
    }
    return json.dumps(told)
