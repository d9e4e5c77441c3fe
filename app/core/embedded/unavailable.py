"""The one error of this package."""


class EmbeddedUnavailable(Exception):
    """The embedded database cannot be had; the text says why and what to do, for a person to read."""
