"""The key that signs records of erasures. Pure."""

from app.core.signing import ALGORITHM, Signer, is_signed

__all__ = ["ALGORITHM", "Signer", "is_signed", "signer_of"]

_PURPOSE = b"clientele erasure records 1"


def signer_of(secret: str) -> Signer:
    """The signer of a deployment's records of erasures, from its secret."""
    return Signer.of(secret, _PURPOSE)
