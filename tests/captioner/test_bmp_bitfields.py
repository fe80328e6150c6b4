"""BMP files whose colours lie in unusual bits."""

import struct

import pytest
from image_files import refusal

from captioner.images import read_image

RED, GREEN, CLEAR = (255, 0, 0), (0, 255, 0), (255, 255, 255)


def bitfields_bmp(bits, masks, pixels, *, width=3, header=56, compression=3, top_down=False):
    """Rows from the lowest up, as BMP files have them, each of whole four bytes."""
    height = len(pixels) // width
    row = struct.Struct(f"<{width}{'H' if bits == 16 else 'I'}")
    rows = [row.pack(*pixels[at : at + width]) for at in range(0, len(pixels), width)]
    body = b"".join(each + bytes(-len(each) % 4) for each in rows)
    signed = -height if top_down else height
    info = struct.pack("<IiiHHIIiiII", header, width, signed, 1, bits, compression, 0, 0, 0, 0, 0)
    info += struct.pack(f"<{len(masks)}I", *masks)
    info = info.ljust(header, b"\0")
    offset = 14 + len(info)
    return b"BM" + struct.pack("<III", offset + len(body), 0, offset) + info + body


def colors(image):
    width, height = image.size
    return [image.getpixel((x, y)) for y in range(height) for x in range(width)]


FOUR_BITS = (0x0F00, 0x00F0, 0x000F, 0xF000)


def test_four_bits_a_channel_become_eight():
    pixels = [0xFF00, 0xF0F0, 0xF00F, 0xF000, 0xF888, 0x0F00]
    shown = colors(read_image(bitfields_bmp(16, FOUR_BITS, pixels)))
    below, above = shown[3:], shown[:3]
    assert below == [RED, GREEN, (0, 0, 255)]
    assert above == [(0, 0, 0), (136, 136, 136), CLEAR]


def test_half_transparent_is_laid_on_white():
    shown = read_image(bitfields_bmp(16, FOUR_BITS, [0x8F00] * 3))
    assert shown.getpixel((0, 0)) == pytest.approx((255, 119, 119), abs=1)


@pytest.mark.parametrize(
    ("bits", "masks", "red", "green"),
    [
        (16, (0x0003, 0x001C, 0x0020), 0x0003, 0x001C),
        (16, (0xE000, 0x1C00, 0x0300), 0xE000, 0x1C00),
        (32, (0xFF800000, 0x007FC000, 0x00003FE0), 0xFF800000, 0x007FC000),
        (32, (0x3FF00000, 0x000FFC00, 0x000003FF), 0x3FF00000, 0x000FFC00),
        (32, (0x000000FF, 0x00FF0000, 0x0000FF00), 0x000000FF, 0x00FF0000),
    ],
)
@pytest.mark.parametrize("header", [40, 52, 56, 108, 124])
def test_masks_of_any_width_and_place_are_obeyed(header, bits, masks, red, green):
    data = bitfields_bmp(bits, masks, [red, green, red], header=header)
    assert colors(read_image(data)) == [RED, GREEN, RED]


@pytest.mark.parametrize(("alpha", "shown"), [(0, (60, 200, 60)), (255, (60, 200, 60))])
def test_alpha_that_nobody_set_hides_nothing(alpha, shown):
    """As in files from the clipboard of Windows."""
    masks = (0xFF0000, 0xFF00, 0xFF, 0xFF000000)
    data = bitfields_bmp(32, masks, [alpha << 24 | 0x3CC83C] * 3, header=124)
    assert set(colors(read_image(data))) == {shown}


def test_alpha_that_is_set_somewhere_hides_the_rest():
    masks = (0xFF0000, 0xFF00, 0xFF, 0xFF000000)
    data = bitfields_bmp(32, masks, [0xFF3CC83C, 0x003CC83C, 0xFF3CC83C], header=124)
    assert colors(read_image(data)) == [(60, 200, 60), (255, 255, 255), (60, 200, 60)]


def test_masks_with_alpha_may_follow_a_short_header():
    data = bitfields_bmp(16, FOUR_BITS, [0xFF00, 0x0F00, 0xF0F0], header=40, compression=6)
    assert colors(read_image(data)) == [RED, CLEAR, GREEN]


def test_a_channel_without_bits_is_dark():
    data = bitfields_bmp(16, (0x0F00, 0x00F0, 0), [0x0F00, 0x00F0, 0x0FF0])
    assert colors(read_image(data)) == [RED, GREEN, (255, 255, 0)]


def test_a_few_bits_are_scaled_to_the_nearest_value():
    shown = read_image(bitfields_bmp(16, (0x0003, 0x001C, 0x0020), [0x0008] * 3))
    assert shown.getpixel((0, 0)) == (0, 73, 0)  # two of seven


def test_a_negative_height_means_from_the_top_down():
    data = bitfields_bmp(16, FOUR_BITS, [0xFF00] * 3 + [0xF0F0] * 3, top_down=True)
    assert colors(read_image(data)) == [RED] * 3 + [GREEN] * 3


def test_many_rows_are_unpacked_in_bands():
    pixels = [0xFF00] * 1000 + [0xF0F0] * 333 * 1000
    image = read_image(bitfields_bmp(16, FOUR_BITS, pixels, width=1000))
    assert image.size == (1000, 334)
    assert image.getpixel((500, 333)) == RED
    assert image.getpixel((500, 332)) == image.getpixel((500, 0)) == GREEN


@pytest.mark.parametrize("kept", [60, 70, 75])
def test_a_file_that_was_cut_is_called_damaged(kept):
    data = bitfields_bmp(16, FOUR_BITS, [0xFF00, 0xF0F0, 0xF00F])
    assert "BMP image is damaged" in refusal(data[:kept])


def test_too_many_pixels_are_refused_from_the_header():
    data = bytearray(bitfields_bmp(16, FOUR_BITS, [0xFF00] * 3))
    data[18:26] = struct.pack("<ii", 60_000, 60_000)
    assert "too large" in refusal(bytes(data))


@pytest.mark.parametrize("size", [(0, 5), (-3, 1), (3, 0)])
def test_a_size_that_is_none_is_called_damaged(size):
    data = bytearray(bitfields_bmp(16, FOUR_BITS, [0xFF00] * 3))
    data[18:26] = struct.pack("<ii", *size)
    assert "BMP image is damaged" in refusal(bytes(data))
