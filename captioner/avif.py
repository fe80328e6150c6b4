"""AVIF files, in the colours that they name by numbers where they have no profile."""

from io import BytesIO

from PIL.AvifImagePlugin import AvifImageFile

from captioner.heif_boxes import named_colours
from captioner.nclx import profile_of


def open_avif(data: bytes) -> AvifImageFile:
    """Pillow hands out a profile alone."""
    image = AvifImageFile(BytesIO(data))
    if not image.info.get("icc_profile") and (numbers := named_colours(data)):
        image.info["icc_profile"] = profile_of(*numbers)
    return image
