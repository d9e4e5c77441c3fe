"""The small company of the API's tests, which has a record of every kind."""

from tests.api.conftest import document, names
from tests.bulk.conftest import imports, kinds, services

__all__ = ["document", "imports", "kinds", "names", "services"]
