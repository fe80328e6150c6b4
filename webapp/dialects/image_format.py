"""The formats in which dialects send images."""

from dataclasses import dataclass

from flask import Request

from generator.image_bytes import MIMETYPES, encoded
from webapp.dialects.work import Painted
from webapp.services import services


@dataclass(frozen=True, slots=True)
class ImageFormat:
    name: str

    @property
    def mimetype(self) -> str:
        return MIMETYPES[self.name]

    def encode(self, painted: Painted, quality: int | None = None) -> bytes:
        """``quality``, from 0 to 100, is for JPEG and WebP."""
        info = services().generator.info
        return encoded(painted.outcome, painted.request, info, self.name, quality)


PNG = ImageFormat("png")
FORMATS = {name: ImageFormat(name) for name in MIMETYPES}


def accepted(request: Request) -> ImageFormat:
    """The one that ``Accept`` likes best; PNG if it names none of them."""
    by_mimetype = {each.mimetype: each for each in FORMATS.values()}
    best = request.accept_mimetypes.best_match(list(by_mimetype), PNG.mimetype)
    return by_mimetype[best]
