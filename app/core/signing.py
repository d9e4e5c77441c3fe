"""Signatures under records that others check: Ed25519 (RFC 8032) over canonical JSON, with keys of the deployment.

Each purpose has a key of its own, derived from `CLIENTELE_SECRET_KEY` (HKDF, RFC 5869), so that nothing more has to be
kept. Pure.
"""

import base64
import binascii
from dataclasses import dataclass
from typing import Any

import orjson
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

ALGORITHM = "Ed25519"
_KEY_BYTES = 32


def canonical(record: dict[str, Any]) -> bytes:
    """The bytes that are signed: JSON with sorted keys, no spaces, UTF-8. Records hold no fractions."""
    return orjson.dumps(record, option=orjson.OPT_SORT_KEYS)


@dataclass(frozen=True, slots=True)
class Signer:
    """Signs records; `public_key` (base64 of 32 bytes) is what they are checked with."""

    private: Ed25519PrivateKey

    @classmethod
    def of(cls, secret: str, purpose: bytes) -> "Signer":
        """The signer of a deployment for a purpose, from its secret."""
        seed = HKDF(SHA256(), _KEY_BYTES, salt=None, info=purpose).derive(secret.encode())
        return cls(Ed25519PrivateKey.from_private_bytes(seed))

    @property
    def public_key(self) -> str:
        """The public key."""
        return base64.b64encode(self.private.public_key().public_bytes_raw()).decode()

    def sign(self, record: dict[str, Any]) -> str:
        """The signature (base64 of 64 bytes)."""
        return base64.b64encode(self.private.sign(canonical(record))).decode()


def is_signed(record: dict[str, Any], signature: str, public_key: str) -> bool:
    """Whether the owner of `public_key` has signed exactly this record."""
    try:
        key = Ed25519PublicKey.from_public_bytes(base64.b64decode(public_key, validate=True))
        key.verify(base64.b64decode(signature, validate=True), canonical(record))
    except (InvalidSignature, ValueError, TypeError, binascii.Error):
        return False
    return True
