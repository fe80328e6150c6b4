"""PNG files without their text: only the chunks that pixels need, and what their colours are."""

import struct
import zlib
from collections.abc import Iterator
from io import BytesIO

from PIL.PngImagePlugin import PngImageFile

from captioner.colors import MAX_PROFILE_BYTES
from captioner.nclx import profile_of

# Pillow unpacks text as well, puts it into the image's ``info``, and calls a file broken that has
# over a megabyte of it. Nothing here reads text or the contents of other chunks.
BEFORE_PIXELS = {b"IHDR", b"PLTE", b"tRNS", b"eXIf"}


def open_png(data: bytes) -> PngImageFile:
    """The still picture: the first frame of an animation, or the picture that stands for all."""
    needed, pixels, profile, named = [data[:8]], [], None, None
    for kind, start, end in _chunks(data):
        body = data[start + 8 : end - 4]
        if kind in BEFORE_PIXELS:
            needed.append(data[start:end])
        elif kind == b"IDAT":
            pixels.append(body)
        elif kind == b"iCCP" and profile is None:
            profile = _profile(body)
        elif kind == b"cICP" and len(body) == 4:
            named = body[0], body[1]
    # In one chunk: a million small ones took Pillow six seconds.
    needed += [_chunk(b"IDAT", b"".join(pixels)), _chunk(b"IEND", b"")]
    image = PngImageFile(BytesIO(b"".join(needed)))
    # Numbers go before a profile: that is for readers who do not know them.
    image.info["icc_profile"] = profile_of(*named) if named else profile
    return image


def _chunk(kind: bytes, body: bytes) -> bytes:
    checksum = struct.pack(">I", zlib.crc32(body, zlib.crc32(kind)))
    return struct.pack(">I", len(body)) + kind + body + checksum


def _chunks(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Kind, start and end of each chunk; the last one of a cut file ends behind the file."""
    start, kind = 8, b""
    while kind != b"IEND" and start + 8 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, start)
        end = start + length + 12
        yield kind, start, end
        start = end


def _profile(body: bytes) -> bytes | None:
    """The profile, unpacked as far as the limit allows; None if it is not packed properly."""
    _, _, rest = body.partition(b"\0")
    try:
        return zlib.decompressobj().decompress(rest[1:], MAX_PROFILE_BYTES + 1)
    except zlib.error:
        return None
