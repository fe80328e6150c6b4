"""HEIC files, put together from boxes around pictures that were encoded once.

The pictures in ``heic`` are drawn by these lines, and encoded by pillow-heif 1.4.0 (which contains
an encoder, under a licence that is not ours, so that it is no requirement):

    picture = Image.new("RGB", (128, 64), (200, 40, 40))
    picture.paste((40, 40, 200), (64, 0, 128, 64))
    picture.paste((240, 240, 80), (0, 0, 32, 32))  # so that no two turns look alike
    green = Image.new("RGB", (64, 64), (60, 200, 60))
    gray = Image.new("L", (64, 64), 130)
    pillow_heif.from_pillow(image).save(file, quality=80, chroma=444)

Those of 10 bits are the same green, and 33000 of 65535, by ``pillow_heif.from_bytes``.
"""

import struct
from pathlib import Path

import pytest

from captioner.heif import open_heif

# Properties without which a picture would be another one.
ESSENTIAL = (b"hvcC", b"irot", b"imir")

READS_HEIC = pytest.mark.skipif(open_heif is None, reason="requirements-heif.txt is not installed")


def needs_heif(test):
    return pytest.mark.heif(READS_HEIC(test))


def box(kind, *bodies):
    body = b"".join(bodies)
    return struct.pack(">I4s", 8 + len(body), kind) + body


def full_box(kind, *bodies, version=0, flags=0):
    return box(kind, struct.pack(">I", version << 24 | flags), *bodies)


def ispe(width, height):
    return full_box(b"ispe", struct.pack(">II", width, height))


def colr_nclx(primaries, transfer, matrix=6):
    return box(b"colr", b"nclx", struct.pack(">HHHB", primaries, transfer, matrix, 0x80))


def colr_icc(profile):
    return box(b"colr", b"prof", profile)


def irot(quarters):
    """Counterclockwise."""
    return box(b"irot", bytes([quarters]))


def imir(axis):
    return box(b"imir", bytes([axis]))


def read_file(name):
    return (Path(__file__).parent / "heic" / f"{name}.heic").read_bytes()


def coded(name, *properties, size=None):
    """An item of a picture: kind, bytes, properties."""
    data = read_file(name)
    start = data.index(b"hvcC") - 4
    hvcc = data[start : start + int.from_bytes(data[start : start + 4], "big")]
    width, height = size or struct.unpack(">II", data[data.index(b"ispe") + 8 :][:8])
    pixels = data[data.index(b"mdat") + 4 :]
    return b"hvc1", pixels, [hvcc, ispe(width, height), *properties]


def grid(columns, rows, width, height, *properties):
    body = struct.pack(">BBBBHH", 0, 0, rows - 1, columns - 1, width, height)
    return b"grid", body, [ispe(width, height), *properties]


def overlay(layers, width, height):
    body = struct.pack(">BB4HHH", 0, 0, *[65535] * 4, width, height) + bytes(4) * layers
    return b"iovl", body, [ispe(width, height)]


def heif(*items, references=(), brand=b"heic"):
    """Items have the numbers 1, 2, ...; the first is the primary one. References are
    (kind, from, [to, ...])."""
    ftyp = box(b"ftyp", brand, bytes(4), b"mif1", brand)
    at = len(ftyp) + len(_meta(items, references, 0)) + 8
    meta = _meta(items, references, at)
    return ftyp + meta + box(b"mdat", *(body for _, body, _ in items))


def _meta(items, references, at):
    iloc, iinf, ipco, ipma = [], [], [], []
    for number, (kind, body, properties) in enumerate(items, 1):
        iloc.append(struct.pack(">HHHII", number, 0, 1, at, len(body)))
        at += len(body)
        iinf.append(full_box(b"infe", struct.pack(">HH4s", number, 0, kind), b"\0", version=2))
        ipco += [wanted for wanted in properties if wanted not in ipco]
        indexes = [
            1 + ipco.index(wanted) | (0x80 if wanted[4:8] in ESSENTIAL else 0)
            for wanted in properties
        ]
        ipma.append(struct.pack(">HB", number, len(indexes)) + bytes(indexes))
    refs = [
        box(kind, struct.pack(f">HH{len(targets)}H", source, len(targets), *targets))
        for kind, source, targets in references
    ]
    count = struct.pack(">H", len(items))
    return full_box(
        b"meta",
        full_box(b"hdlr", bytes(4), b"pict", bytes(13)),
        full_box(b"pitm", struct.pack(">H", 1)),
        full_box(b"iloc", b"\x44\x00", count, *iloc),
        full_box(b"iinf", count, *iinf),
        full_box(b"iref", *refs) if refs else b"",
        box(
            b"iprp",
            box(b"ipco", *ipco),
            full_box(b"ipma", struct.pack(">I", len(items)), *ipma),
        ),
    )
