"""The formats in which dialects send images."""

from dataclasses import dataclass
from io import BytesIO

from flask import Request

from generator.png import painted_png
from webapp.dialects.work import Painted
from webapp.services import services


@dataclass(frozen=True, slots=True)
class ImageFormat:
    """``name`` is Pillow's, in lower case."""

    name: str

    @property
    def mimetype(self) -> str:
        return f"image/{self.name}"

    def encode(self, painted: Painted) -> bytes:
        if self.name == "png":
            return painted_png(painted.outcome, painted.request, services().generator.info)
        file = BytesIO()
        painted.outcome.image.save(file, self.name, quality=90)
        return file.getvalue()


PNG = ImageFormat("png")
FORMATS = {each.name: each for each in (PNG, ImageFormat("jpeg"), ImageFormat("webp"))}


def accepted(request: Request) -> ImageFormat:
    """The one that ``Accept`` likes best; PNG if it names none of them."""
    by_mimetype = {each.mimetype: each for each in FORMATS.values()}
    best = request.accept_mimetypes.best_match(list(by_mimetype), PNG.mimetype)
    return by_mimetype[best]
