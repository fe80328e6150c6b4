"""The cost of decoding a HEIF file, by its boxes alone: files can ask for more than their size."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

# The side of HEVC's largest block in pixels: a picture may exceed its item's size by as much.
BLOCK_SIDE = 64


def decoding_cost(data: bytes) -> int:
    """The pixels and bytes of all parts of the primary image, as often as they are used.

    A grid names its tiles, an overlay its layers, and each of these may be named again and be made
    of others: a few kilobytes can ask for years. Raises ValueError, KeyError, struct.error or
    RecursionError if the file is damaged, cut or made of itself.
    """
    children = _children(data, _only(b"meta", _boxes(data, 0, len(data), is_file=True)), skip=4)
    properties = _children(data, children[b"iprp"])
    sides = _sides(data, properties)
    extents = _item_bytes(_Cursor(data, children[b"iloc"]), len(data))
    parts = _parts(data, children[b"iref"]) if b"iref" in children else {}

    @cache
    def cost(item: int) -> int:
        width, height = sides[item]
        own = (width + BLOCK_SIDE) * (height + BLOCK_SIDE) + extents.get(item, 0)
        return own + sum(cost(part) for part in parts.get(item, ()))

    primary = _Cursor(data, children[b"pitm"])
    return cost(primary.take(2 if primary.version == 0 else 4))


def named_colours(data: bytes) -> tuple[int, int] | None:
    """The primaries and the transfer that the file names by numbers of ITU-T H.273, if it does."""
    try:
        children = _children(data, _only(b"meta", _boxes(data, 0, len(data), is_file=True)), skip=4)
        properties = _children(data, children[b"iprp"])[b"ipco"]
        for box in _boxes(data, properties.start, properties.end):
            if box.kind == b"colr" and data[box.start : box.start + 4] == b"nclx":
                primaries, transfer = struct.unpack_from(">HH", data, box.start + 4)
                return primaries, transfer
    except (ValueError, KeyError, struct.error):
        pass  # whoever decodes the picture says what is wrong with the file
    return None


@dataclass(frozen=True, slots=True)
class _Box:
    kind: bytes
    start: int
    end: int


class _Cursor:
    """Reads a box with a version, number by number."""

    def __init__(self, data: bytes, box: _Box) -> None:
        self._data, self._at, self._end = data, box.start, box.end
        self.version = self.take(1)
        self.flags = self.take(3)

    def take(self, length: int) -> int:
        start, self._at = self._at, self._at + length
        if self._at > self._end:
            raise ValueError("a box ends early")
        return int.from_bytes(self._data[start : self._at], "big")


def _boxes(data: bytes, start: int, end: int, *, is_file: bool = False) -> Iterator[_Box]:
    while start + 8 <= end:
        length, kind = struct.unpack_from(">I4s", data, start)
        body = start + 8
        if length == 1:
            (length,) = struct.unpack_from(">Q", data, body)
            body += 8
        stop = start + length if length else end
        if body <= stop <= end:
            yield _Box(kind, body, stop)
        elif is_file:
            return  # cameras append data that is no box; a cut file is noticed at its items
        else:
            raise ValueError("a box is longer than the one around it")
        start = stop


def _only(kind: bytes, boxes: Iterator[_Box]) -> _Box:
    (found,) = [box for box in boxes if box.kind == kind]
    return found


def _children(data: bytes, parent: _Box, skip: int = 0) -> dict[bytes, _Box]:
    """The boxes by kind. Raises ValueError for two of a kind: the decoder might obey the other."""
    boxes = list(_boxes(data, parent.start + skip, parent.end))
    children = {box.kind: box for box in boxes}
    if len(children) < len(boxes):
        raise ValueError("two boxes of a kind")
    return children


def _sides(data: bytes, properties: dict[bytes, _Box]) -> dict[int, tuple[int, int]]:
    """Width and height of each item that has them."""
    container = properties[b"ipco"]
    sizes = {
        number: struct.unpack_from(">II", data, box.start + 4)
        for number, box in enumerate(_boxes(data, container.start, container.end), 1)
        if box.kind == b"ispe"
    }
    found: dict[int, tuple[int, int]] = {}
    cursor = _Cursor(data, properties[b"ipma"])
    item_length, index_length = (4 if cursor.version else 2), (2 if cursor.flags & 1 else 1)
    for _ in range(cursor.take(4)):
        item = cursor.take(item_length)
        for _ in range(cursor.take(1)):
            index = cursor.take(index_length) & (0x7FFF if index_length == 2 else 0x7F)
            if index in sizes:
                found[item] = max(found.get(item, (0, 0)), sizes[index])
    return found


def _item_bytes(cursor: _Cursor, file_length: int) -> dict[int, int]:
    """The number of bytes of each item. Raises ValueError if some of them are missing."""
    lengths = cursor.take(2)
    offset, length, base, index = (lengths >> shift & 15 for shift in (12, 8, 4, 0))
    number_length = 4 if cursor.version == 2 else 2
    found = {}
    for _ in range(cursor.take(number_length)):
        item = cursor.take(number_length)
        is_elsewhere = cursor.version > 0 and cursor.take(2) & 15
        cursor.take(2)
        start, total = cursor.take(base), 0
        for _ in range(cursor.take(2)):
            if cursor.version > 0:
                cursor.take(index)
            extent_start, extent = cursor.take(offset), cursor.take(length)
            if not is_elsewhere and start + extent_start + extent > file_length:
                raise ValueError("an item lies behind the end")
            total += extent
        found[item] = total
    return found


def _parts(data: bytes, references: _Box) -> dict[int, list[int]]:
    """Maps each item to the items that it is derived from, and to its transparency."""
    (version,) = data[references.start : references.start + 1]
    kind = ">I" if version else ">H"
    found: dict[int, list[int]] = {}
    for box in _boxes(data, references.start + 4, references.end):
        step = struct.calcsize(kind)
        (source,) = struct.unpack_from(kind, data, box.start)
        (count,) = struct.unpack_from(">H", data, box.start + step)
        for place in range(count):
            (target,) = struct.unpack_from(kind, data, box.start + step + 2 + step * place)
            if box.kind == b"dimg":
                found.setdefault(source, []).append(target)
            elif box.kind == b"auxl":
                found.setdefault(target, []).append(source)
    return found
