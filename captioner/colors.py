"""Turns a picture's numbers into sRGB, by its colour profile."""

from io import BytesIO

from PIL import Image, ImageCms

# The largest press profiles that circulate have 2.7 MB.
MAX_PROFILE_BYTES = 4 * 2**20


def to_srgb(image: Image.Image, profile: bytes | None) -> Image.Image:
    """The image in sRGB by its ICC profile; unchanged if the profile is of no use.

    ``image`` is in L, LA, RGB, RGBA or CMYK. A profile is of no use if it is broken, too large or
    for another kind of pixels.
    """
    if not profile or len(profile) > MAX_PROFILE_BYTES:
        return image
    alpha = image.getchannel("A") if image.mode in ("LA", "RGBA") else None
    opaque = image.convert(image.mode[:-1]) if alpha else image
    try:
        shown = _converted(opaque, profile)
    except (OSError, ImageCms.PyCMSError):
        return image
    if alpha:
        shown.putalpha(alpha)
    return shown


def _converted(image: Image.Image, profile: bytes) -> Image.Image:
    # Both made anew for each picture, as nothing of lcms may be shared between threads.
    source, srgb = ImageCms.ImageCmsProfile(BytesIO(profile)), ImageCms.createProfile("sRGB")
    return ImageCms.buildTransform(source, srgb, image.mode, "RGB").apply(image)
