"""The form of an API key: made, read from a header, hashed and compared. Pure.

`clk_<public id>_<secret><check>`: 12, 32 and 8 characters of 0-9A-Za-z. The public id finds the row; the secret has 190
random bits. The check is keyed with the server's secret, so a guessed key is refused without asking the database.
"""

import hmac
import re
import secrets
from dataclasses import dataclass
from string import ascii_lowercase, ascii_uppercase, digits

_ALPHABET = digits + ascii_uppercase + ascii_lowercase
_PUBLIC, _SECRET, _CHECK = 12, 32, 8
_HEADER = re.compile(rb"(?i:bearer) +(clk_([0-9A-Za-z]{12})_[0-9A-Za-z]{40}) *")
# A shortened key is still a key that somebody put into a URL.
_IN_URL = re.compile(rb"clk_[0-9A-Za-z]{12}_[0-9A-Za-z]{16}")


@dataclass(frozen=True, slots=True)
class MadeKey:
    """A new key: `text` is shown once, the others are stored."""

    text: str
    prefix: str
    hash: bytes


class Keyring:
    """Makes and checks the keys of one deployment; `secret` is the server's (`Settings.secret`)."""

    def __init__(self, secret: str) -> None:
        # Copied for every key: half the cost of starting anew.
        self._hash = hmac.new(secret.encode(), b"clientele api key hash:", "sha256")
        self._checksum = hmac.new(secret.encode(), b"clientele api key check:", "sha256")

    def make(self) -> MadeKey:
        """A new random key."""
        prefix = _random(_PUBLIC)
        body = f"clk_{prefix}_{_random(_SECRET)}"
        text = body + self._check(body.encode())
        return MadeKey(text, prefix, self.hash(text.encode()))

    def hash(self, key: bytes) -> bytes:
        """What is stored of a key: HMAC-SHA256 with the server's secret."""
        keyed = self._hash.copy()
        keyed.update(key)
        return keyed.digest()

    def genuine(self, key: bytes) -> bool:
        """Whether this deployment can have made the key; says nothing about whether it is still live."""
        return hmac.compare_digest(self._check(key[:-_CHECK]).encode(), key[-_CHECK:])

    def _check(self, body: bytes) -> str:
        keyed = self._checksum.copy()
        keyed.update(body)
        number = int.from_bytes(keyed.digest()[:8])
        found = ""
        for _ in range(_CHECK):
            number, index = divmod(number, len(_ALPHABET))
            found += _ALPHABET[index]
        return found


def read(authorization: bytes) -> tuple[bytes, bytes] | None:
    """(key, public id) of an Authorization header, or None if it does not have the form of one of our keys."""
    match = _HEADER.fullmatch(authorization)
    return (match[1], match[2]) if match else None


def in_url(query: bytes) -> bool:
    """Whether a query string holds something of the form of a key."""
    return b"clk_" in query and _IN_URL.search(query) is not None


def _random(length: int) -> str:
    return "".join(secrets.choice(_ALPHABET) for _ in range(length))
