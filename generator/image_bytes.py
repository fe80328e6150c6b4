"""The bytes of an image file: PNG, JPEG or WebP, with its parameters and its marking."""

from io import BytesIO
from typing import TYPE_CHECKING

from PIL import ExifTags, Image

from generator.png import format_parameters, painted_png

if TYPE_CHECKING:
    from generator.job import Succeeded
    from generator.model_info import ModelInfo
    from generator.request import GenerationRequest

MIMETYPES = {"png": "image/png", "jpeg": "image/jpeg", "webp": "image/webp"}
QUALITY = 95
BYTE, UNDEFINED = (kind.to_bytes(2, "big") for kind in (1, 7))  # types of EXIF


def encoded(
    outcome: "Succeeded",
    request: "GenerationRequest",
    info: "ModelInfo",
    format: str = "png",
    quality: int | None = None,
) -> bytes:
    """The image of a job that succeeded, with what it was painted from and by.

    ``format`` is one of ``MIMETYPES``. ``quality``, from 0 to 100, changes nothing of a PNG.
    For any thread but a model's.
    """
    if format == "png":
        return painted_png(outcome, request, info)
    file, quality = BytesIO(), QUALITY if quality is None else quality
    parameters = format_parameters(
        request, model=info.name, sampler=info.sampler, fast_path=outcome.fast_path
    )
    exif, xmp = exif_bytes(parameters), info.marking.xmp
    outcome.image.save(file, format.upper(), quality=quality, exif=exif, xmp=xmp)
    return info.marking.signed(file.getvalue(), MIMETYPES[format], info.name)


def exif_bytes(parameters: str) -> bytes:
    """The text where AUTOMATIC1111's web UI writes it and image tools look for it.

    Of the type that EXIF and piexif want, UNDEFINED. Pillow writes bytes as numbers, of which that
    web UI's own reader makes a tuple, and fails.
    """
    exif = Image.Exif()
    comment = b"UNICODE\0" + parameters.encode("utf-16-be")
    exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.UserComment] = comment
    tag = ExifTags.Base.UserComment.to_bytes(2, "big")
    return exif.tobytes().replace(tag + BYTE, tag + UNDEFINED, 1)
