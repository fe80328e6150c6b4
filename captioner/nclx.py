"""Colours that a file names by the numbers of ITU-T H.273, as an ICC profile."""

import struct
from collections.abc import Mapping
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]

BT709_XY = [0.64, 0.33, 0.3, 0.6, 0.15, 0.06, 0.3127, 0.329]
CHANNELS = ("red", "green", "blue", "white")
D65, C = [0.3127, 0.329], [0.31, 0.316]
# Red, green, blue and white by the numbers of H.273. 2 says nothing; 10 is XYZ, which no photo has.
PRIMARIES = {
    1: BT709_XY,
    4: [0.67, 0.33, 0.21, 0.71, 0.14, 0.08, *C],
    5: [0.64, 0.33, 0.29, 0.6, 0.15, 0.06, *D65],
    6: [0.63, 0.34, 0.31, 0.595, 0.155, 0.07, *D65],
    7: [0.63, 0.34, 0.31, 0.595, 0.155, 0.07, *D65],
    8: [0.681, 0.319, 0.243, 0.692, 0.145, 0.049, *C],
    9: [0.708, 0.292, 0.17, 0.797, 0.131, 0.046, *D65],
    11: [0.68, 0.32, 0.265, 0.69, 0.15, 0.06, 0.314, 0.351],
    12: [0.68, 0.32, 0.265, 0.69, 0.15, 0.06, *D65],
    22: [0.63, 0.34, 0.295, 0.605, 0.155, 0.077, *D65],
}
# Bradford's matrix: from XYZ to the signals of the eye's cones.
CONES = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])
D50 = np.array([0.9642, 1.0, 0.8249])
# Signals from 0 to 1; a curve holds the light of each.
SIGNALS = np.linspace(0, 1, 4096)


def icc_profile(nclx: Mapping[str, float]) -> bytes | None:
    """The ICC profile; None for sRGB, or if the file does not say which colours it means."""
    xy = [nclx[f"color_primary_{name}_{axis}"] for name in CHANNELS for axis in "xy"]
    return _of(np.array(xy), int(nclx["transfer_characteristics"]))


def profile_of(primaries: int, transfer: int) -> bytes | None:
    """As ``icc_profile``, where the numbers alone are known; None for numbers that say nothing."""
    xy = PRIMARIES.get(primaries)
    return None if xy is None else _of(np.array(xy), transfer)


def _of(xy: Array, transfer: int) -> bytes | None:
    is_srgb = transfer not in (4, 5, 8, 16, 18) and np.allclose(xy, BT709_XY, atol=1e-4)
    if is_srgb or not xy.all():
        return None
    return _profile(_primaries(xy.reshape(4, 2)), _light(transfer))


def _light(transfer: int) -> Array:
    """The light of each signal, with 1 for white; brighter light in PQ and HLG becomes white.

    Signals of BT.709 and its siblings count as sRGB, as they do in browsers.
    """
    if transfer in (4, 5, 8):
        return np.power(SIGNALS, {4: 2.2, 5: 2.8, 8: 1.0}[transfer])
    if transfer == 16:  # BT.2100, with the white of BT.2408: 203 of 10,000 nits
        root = SIGNALS ** (32 / 2523)
        part = np.maximum(root - 0.8359375, 0) / (18.8515625 - 18.6875 * root)
        return part ** (8192 / 1305) * 10_000 / 203
    if transfer == 18:  # the HLG of BT.2100 with the same white, on a screen of 1,000 nits
        bright = (np.exp((SIGNALS - 0.55991073) / 0.17883277) + 0.28466892) / 12
        return np.where(SIGNALS <= 0.5, SIGNALS**2 / 3, bright) ** 1.2 / 0.203
    return np.where(SIGNALS <= 0.04045, SIGNALS / 12.92, ((SIGNALS + 0.055) / 1.055) ** 2.4)


def _primaries(xy: Array) -> Array:
    """The XYZ of red, green and blue under the white of ICC profiles, one a row."""
    x, y = xy.T
    xyz = np.stack([x / y, np.ones(4), (1 - x - y) / y], axis=1)
    colors, white = xyz[:3], xyz[3]
    colors = np.linalg.solve(colors.T, white)[:, None] * colors
    adaptation = np.linalg.inv(CONES) @ np.diag((CONES @ D50) / (CONES @ white)) @ CONES
    adapted: Array = colors @ adaptation.T
    return adapted


def _profile(primaries: Array, light: Array) -> bytes:
    """The profile in version 2.4 of the ICC's specification, with one curve for all channels."""
    curve = b"curv" + struct.pack(">4xI", len(light))
    curve += np.round(np.clip(light, 0, 1) * 65535).astype(">u2").tobytes()
    tags = {b"wtpt": _xyz(D50)}
    for name, primary in zip((b"r", b"g", b"b"), primaries, strict=True):
        tags |= {name + b"XYZ": _xyz(primary), name + b"TRC": curve}
    start, table, bodies = 132 + 12 * len(tags), b"", b""
    for name, body in tags.items():
        table += struct.pack(">4sII", name, start + len(bodies), len(body))
        bodies += body
    header = struct.pack(">I4xI", start + len(bodies), 0x0240_0000) + b"mntrRGB XYZ "
    header = (header.ljust(36, b"\0") + b"acsp").ljust(68, b"\0") + _xyz(D50)[8:]
    return header.ljust(128, b"\0") + struct.pack(">I", len(tags)) + table + bodies


def _xyz(color: Array) -> bytes:
    return b"XYZ \0\0\0\0" + np.round(color * 65536).astype(">i4").tobytes()
