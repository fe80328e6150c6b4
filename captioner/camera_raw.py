"""Cameras' raw files: many of them are TIFF files of which only a small preview can be read."""

import re
from io import BytesIO

from PIL.TiffImagePlugin import ImageFileDirectory_v2

RAW = (
    rb"....ftypcrx |II\*\x00....CR|IIR[OS]|MMOR|IIU\x00|II\x1a\x00.{4}HEAPCCDR"
    rb"|FUJIFILMCCD-RAW|FOVb"
)
NEW_SUBFILE_TYPE, PHOTOMETRIC, SUB_IFDS, DNG_VERSION = 254, 262, 330, 50706
COLOR_FILTER_ARRAY, LINEAR_RAW = 32803, 34892


def is_camera_raw(data: bytes) -> bool:
    if re.match(RAW, data[:32], re.DOTALL):
        return True
    if not re.match(rb"II\*\x00|MM\x00\*", data):
        return False
    try:
        return _leads_elsewhere(data)
    except Exception:  # the decoder will report a broken file
        return False


def _leads_elsewhere(data: bytes) -> bool:
    """True if the first directory lacks the picture, or holds it as the sensor saw it."""
    tags = ImageFileDirectory_v2(data[:8])
    file = BytesIO(data)
    file.seek(tags.next)
    tags.load(file)
    has_preview_alone = tags.get(NEW_SUBFILE_TYPE, 0) & 1 and SUB_IFDS in tags
    is_unprocessed = tags.get(PHOTOMETRIC) in (COLOR_FILTER_ARRAY, LINEAR_RAW)
    return bool(has_preview_alone or is_unprocessed or DNG_VERSION in tags)
