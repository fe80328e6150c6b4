"""HEIC and other HEIF images, if pi-heif is installed: iPhones and many cameras take them."""

from collections.abc import Callable
from io import BytesIO
from typing import Any

import numpy as np
from PIL import Image
from PIL.ImageFile import ImageFile

from captioner.heif_boxes import decoding_cost
from captioner.nclx import icc_profile

# pi-heif's own class, and its plugin for Pillow, read the metadata and colour profile of each of
# the thousand images that a file may contain: twenty megabytes could take as many gigabytes.
try:
    import _pi_heif
except ImportError:
    _pi_heif = None

# The picture, its tiles, which overlap its edges, and as much again for transparency: no picture
# within the limit on pixels exceeds this. libheif's own limit is 4 GB, and it has none on the time.
MAX_COST = 250_000_000
# For each picture. Several are already read at once, beside models that need the cores.
THREADS = 0


class HeifImageFile(ImageFile):
    """The primary image: not the other ones, thumbnails or depths that the file has beside it."""

    format = "HEIF"
    format_description = "HEIF image"

    def _open(self) -> None:
        assert self.fp is not None
        data = self.fp.read()
        if decoding_cost(data) > MAX_COST:
            raise Image.DecompressionBombError
        # Not scaled to 16 bits: pi-heif does that in place by the depth that the header names. If
        # gray has fewer bits than that, pi-heif writes behind the end of the pixels.
        to_8_bits, bgr, without_stride, to_16_bits, no_limits = 1, 0, 0, 0, 0
        images = _pi_heif.load_file(
            data, THREADS, to_8_bits, bgr, without_stride, to_16_bits, "", no_limits
        )
        (self._heif,) = (image for image in images if image is not None and image.primary)
        # As shown: libheif turns the image, and obeys no other orientation, as the format asks.
        self._size, mode = self._heif.size_mode
        self._mode = "I;16" if mode.startswith("I;") else mode  # I;10 and I;12 are not Pillow's
        self.info["icc_profile"] = _profile(self._heif.color_profile)

    def load(self) -> Any:
        if self._heif is not None:
            heif, self._heif = self._heif, None
            pixels = heif.data  # no copy, and gone with its source
            self._size, _ = heif.size_mode
            if self.mode == "I;16":
                image = _deep_gray(pixels, self.size, heif.stride, heif.bit_depth)
            else:
                image = Image.frombytes(self.mode, self.size, pixels, "raw", self.mode, heif.stride)
            self.im = image.im
        return super().load()


def _deep_gray(pixels: memoryview, size: tuple[int, int], stride: int, bits: int) -> Image.Image:
    rows = np.frombuffer(pixels, "<u2").reshape(size[1], stride // 2)[:, : size[0]]
    if rows.shape[1] < size[0]:
        raise ValueError("fewer bits than the header says")
    return Image.fromarray(rows << (16 - bits))


def _profile(color_profile: dict[str, Any]) -> bytes | None:
    if color_profile.get("type") == "nclx":
        return icc_profile(color_profile["data"])
    profile: bytes | None = color_profile.get("data")
    return profile


def _open(data: bytes) -> ImageFile:
    return HeifImageFile(BytesIO(data))


open_heif: Callable[[bytes], ImageFile] | None = _open if _pi_heif else None
