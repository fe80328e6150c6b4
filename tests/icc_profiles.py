"""Colour profiles, made of numbers: of a screen, of gray and of a press."""

import itertools
import struct

# Red, green and blue of Display P3 as XYZ, adapted to D50 as profiles ask.
DISPLAY_P3 = [
    (0.51512, 0.24120, -0.00105),
    (0.29198, 0.69225, 0.04189),
    (0.15710, 0.06657, 0.78407),
]
D50 = (0.9642, 1.0, 0.8249)


def fixed(*numbers):
    return struct.pack(f">{len(numbers)}i", *(round(number * 65536) for number in numbers))


def profile(space, tags, pcs=b"XYZ ", device_class=b"mntr"):
    """An ICC profile, version 2.4, with these tags."""
    table, data = struct.pack(">I", len(tags)), b""
    for name, body in tags.items():
        offset = 128 + 4 + 12 * len(tags) + len(data)
        table += struct.pack(">4sII", name, offset, len(body))
        data += body + bytes(-len(body) % 4)
    size = 128 + len(table) + len(data)
    header = struct.pack(">I4sI4s4s4s", size, bytes(4), 0x02400000, device_class, space, pcs)
    header += bytes(12) + b"acsp" + bytes(28) + fixed(*D50)
    return header.ljust(128, b"\0") + table + data


def xyz(*numbers):
    return b"XYZ " + bytes(4) + fixed(*numbers)


def gamma(exponent):
    return b"curv" + bytes(4) + struct.pack(">IH", 1, round(exponent * 256))


SRGB_CURVE = b"para" + bytes(4) + struct.pack(">HH", 3, 0)
SRGB_CURVE += fixed(2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)


def screen_profile(primaries=DISPLAY_P3, curve=SRGB_CURVE):
    tags = {b"wtpt": xyz(*D50)}
    for name, primary in zip(b"rgb", primaries, strict=True):
        tags[bytes([name]) + b"XYZ"] = xyz(*primary)
        tags[bytes([name]) + b"TRC"] = curve
    return profile(b"RGB ", tags)


def gray_profile(exponent):
    return profile(b"GRAY", {b"wtpt": xyz(*D50), b"kTRC": gamma(exponent)})


def press_profile(lightness):
    """Of a press whose colours are all gray: ``lightness`` of 0 to 100 for the inks that are on.

    ``lightness`` is called with cyan, magenta, yellow and black, each 0 or 1.
    """
    corners = itertools.product((0, 1), repeat=4)
    grid = b"".join(
        struct.pack(">HHH", round(lightness(*inks) * 652.8), 0x8000, 0x8000) for inks in corners
    )
    straight = struct.pack(">HH", 0, 65535)
    unity = fixed(1, 0, 0, 0, 1, 0, 0, 0, 1)
    lut = b"mft2" + bytes(4) + bytes([4, 3, 2, 0]) + unity + struct.pack(">HH", 2, 2)
    lut += straight * 4 + grid + straight * 3
    return profile(b"CMYK", {b"wtpt": xyz(*D50), b"A2B0": lut}, b"Lab ", b"prtr")
