"""What an image file says, to programs, of having been made by a model."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

log = logging.getLogger(__name__)


class SourceType(StrEnum):
    """Words of IPTC's: painted from words alone, or from a picture's latents as well."""

    TRAINED = "trainedAlgorithmicMedia"
    COMPOSITE = "compositeWithTrainedAlgorithmicMedia"

    @property
    def uri(self) -> str:
        return f"http://cv.iptc.org/newscodes/digitalsourcetype/{self}"


@dataclass(frozen=True, slots=True)
class Marking:
    """``sign`` takes a file, its media type and the model's name, and returns the file, signed."""

    is_on: bool = True
    sign: Callable[[bytes, str, str], bytes] | None = None

    @property
    def xmp(self) -> bytes:
        """What goes into a file as its XMP; empty if nothing does."""
        # Nothing is painted from a picture's latents yet.
        return xmp_packet(SourceType.TRAINED) if self.is_on else b""

    def signed(self, data: bytes, mimetype: str, model: str) -> bytes:
        """The file as it is if there is nobody to sign it, or if that fails: the log says so."""
        if not self.is_on or self.sign is None:
            return data
        try:
            return self.sign(data, mimetype, model)
        except Exception as error:  # whatever a signer fails of, the image was painted
            log.warning("an image goes out without a signature: %s", error)
            return data


def xmp_packet(source_type: SourceType) -> bytes:
    return (
        '<?xpacket begin="" id="W5M0MpCehiHzreSzNTczkc9d"?>'
        '<x:xmpmeta xmlns:x="adobe:ns:meta/">'
        '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        '<rdf:Description rdf:about=""'
        ' xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/"'
        f' Iptc4xmpExt:DigitalSourceType="{source_type.uri}"/>'
        '</rdf:RDF></x:xmpmeta><?xpacket end="r"?>'
    ).encode("ascii")
