"""The sizes that an SDXL checkpoint's configs tell, and what its decode takes."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from models_cache.checkpoint_file import read_json
from models_cache.layout import WrongCheckpoint

SDXL_SAMPLE_SIZE = 128  # latents; diffusers takes it where a UNet does not say
# Of a decode's widest stage, as many copies as are alive at its peak: 4.75 were measured in bf16 on
# an H200 for an image in one piece, 4.81 for one in tiles, workspaces of the kernels included.
LIVE_COPIES = 5


@dataclass(frozen=True, slots=True)
class Geometry:
    """``scale`` is pixels per latent; ``default_side`` and ``tile_side`` are pixels.

    ``widest_channels`` is how many the decoder has at the image's full size: those that its last
    block but one makes.
    """

    scale: int
    default_side: int
    tile_side: int
    widest_channels: int

    @classmethod
    def of(cls, unet: Mapping[str, Any], vae: Mapping[str, Any]) -> "Geometry":
        """From the two configs. Raises WrongCheckpoint where they do not say."""
        try:
            channels = list(vae["block_out_channels"])
            scale = 2 ** (len(channels) - 1)
            side = _side(unet.get("sample_size") or SDXL_SAMPLE_SIZE)
            tile = max(8, _side(vae["sample_size"]) // 2 // scale) * scale
            return cls(scale, side * scale, tile, int(channels[:2][-1]))
        except (KeyError, TypeError, ValueError, IndexError) as error:
            raise WrongCheckpoint(
                f"its configs do not say what sizes it has ({error!r})"
            ) from error

    def decode_bytes(self, pixels: int, itemsize: int) -> int:
        """What a decode in one piece takes beside the weights, as predicted."""
        return LIVE_COPIES * self.widest_channels * pixels * itemsize


def read_geometry(folder: Path) -> Geometry:
    """Raises WrongCheckpoint, ready to print."""
    configs = [read_json(folder / part / "config.json") for part in ("unet", "vae")]
    try:
        return Geometry.of(*configs)
    except WrongCheckpoint as error:
        raise WrongCheckpoint(f"{folder} cannot be loaded: {error}.") from error


def _side(size: Any) -> int:
    """A side, or the first of two."""
    return int(size[0] if isinstance(size, list | tuple) else size)
