"""From the entries of an upload to whom they name: identifiers in their stored form. Pure."""

from pydantic_core import PydanticCustomError

from app.core.batch import Checked
from app.core.errors import INVALID, FieldError, Problem
from app.customers.identifiers import normalise
from app.segments.commands import Entry


def entries(checked: Checked, region: str) -> list[Entry]:
    """The valid entries of a batch; one with an identifier that is none fails. Phones are read as of `region`."""
    found = []
    for index, value in checked.valid:
        customer, given, key = value.get("id"), value.get("identifier"), None
        if given is not None:
            try:
                key = normalise(given["kind"], given["value"], given.get("system"), region).key
            except PydanticCustomError as error:
                what = FieldError("/identifier/value", error.type, error.message())
                checked.fail(index, Problem(INVALID, errors=[what]))
                continue
        found.append(Entry(index, customer, key, value.get("action") == "remove"))
    return found
