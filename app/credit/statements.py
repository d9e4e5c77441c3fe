"""What a till that is cut off goes by: a signed statement of how much it may sell on account to a customer. Pure.

Anybody can check it with the public key alone: the signature (Ed25519) is over the bytes of `statement`, as they are.
"""

from collections.abc import Mapping
from typing import Any

from app.core.signing import ALGORITHM, Signer, canonical
from app.core.types import rfc3339

ABOUT = "clientele credit allowance"
_PURPOSE = b"clientele credit allowances 1"
_STATED = ("customer_id", "amount", "currency", "store", "till", "granted_at", "expires_at")


def signer_of(secret: str) -> Signer:
    """The signer of a deployment's allowances, from its secret."""
    return Signer.of(secret, _PURPOSE)


def signed(allowance: Mapping[str, Any], signer: Signer) -> dict[str, str]:
    """`statement` (JSON text), `signature`, `public_key` (base64) and `algorithm` for the columns of an allowance."""
    said = {name: allowance[name] for name in _STATED} | {"about": ABOUT, "allowance_id": str(allowance["id"])}
    said["customer_id"] = str(said["customer_id"])
    for name in ("granted_at", "expires_at"):
        said[name] = rfc3339(said[name])
    return {
        "statement": canonical(said).decode(), "signature": signer.sign(said), "public_key": signer.public_key,
        "algorithm": ALGORITHM,
    }  # fmt: skip
