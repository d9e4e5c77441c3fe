"""The same town as that of the warnings."""

from tests.early_warning.conftest import town

__all__ = ["town"]
