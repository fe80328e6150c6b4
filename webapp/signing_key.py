"""The key that signs images, with its certificate: one PEM file, made at the first start."""

import os
import re
import sys
import tempfile
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from models_cache.advice import CannotStart

BLOCK = re.compile(rb"-----BEGIN ([A-Z ]+)-----.*?-----END \1-----\n?", re.DOTALL)
NAME = "a Lookalike server"
# Nobody vouches for the time of a signature, so it counts for as long as the certificate does.
VALID = timedelta(days=30 * 365)
ADVICE = "Name another with --c2pa-key: a file that is not there is made."


@dataclass(frozen=True, slots=True)
class SigningKey:
    """Both as PEM. The key's own certificate comes first, then those of who vouches for it."""

    private: bytes = field(repr=False)
    certificates: bytes

    @classmethod
    def read(cls, file: Path) -> "SigningKey":
        """Makes the file if it is not there. Raises CannotStart."""
        try:
            if not file.exists():
                _make(file)
            return _parse(file)
        except OSError as error:
            problem = f"the signing key {file} cannot be read: {error.strerror}"
            raise CannotStart(problem, ADVICE) from error


def _parse(file: Path) -> SigningKey:
    blocks = [(match[1], match[0]) for match in BLOCK.finditer(file.read_bytes())]
    keys = [pem for label, pem in blocks if label.endswith(b"PRIVATE KEY")]
    certificates = [pem for label, pem in blocks if label == b"CERTIFICATE"]
    if len(keys) != 1 or not certificates:
        raise CannotStart(f"{file} is not one private key and its certificate, as PEM", ADVICE)
    return SigningKey(keys[0], b"".join(certificates))


def _make(file: Path) -> None:
    """Writes it beside, for its owner alone, and renames it: it is whole or not there."""
    key = ec.generate_private_key(ec.SECP256R1())
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    descriptor, name = tempfile.mkstemp(dir=file.parent, prefix=".lookalike-")
    try:
        with open(descriptor, "wb") as new:
            new.write(private + _certificate(key).public_bytes(Encoding.PEM))
        os.replace(name, file)
    except BaseException:
        os.unlink(name)
        raise
    print(f"Made {file}, the key that signs images.", file=sys.stderr)


def _certificate(key: ec.EllipticCurvePrivateKey) -> x509.Certificate:
    """Signed by the key itself, with what C2PA's profile of certificates asks for."""
    name = x509.Name([x509.NameAttribute(x509.NameOID.ORGANIZATION_NAME, NAME)])
    now, public = datetime.now(UTC), key.public_key()
    return (
        x509.CertificateBuilder(name, name, public, x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))  # clocks differ
        .not_valid_after(now + VALID)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_signatures_only(), critical=True)
        .add_extension(x509.ExtendedKeyUsage([x509.ExtendedKeyUsageOID.EMAIL_PROTECTION]), False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(public), False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), False)
        .sign(key, SHA256())
    )


def _signatures_only() -> x509.KeyUsage:
    return x509.KeyUsage(True, *[False] * 8)
