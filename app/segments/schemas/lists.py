"""Wire types of lists: whom to put into one."""

from typing import Annotated, Literal

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from app.core.types import Wire
from app.customers.schemas.record import CustomerId, IdentifierKind, IdentifierValue, SystemName
from app.segments.schemas.questions import optional


class ListedIdentifier(Wire):
    """An identifier as it was typed; `system` names who gave an external or chat id."""

    kind: IdentifierKind
    value: IdentifierValue
    system: SystemName | None = None


class ListEntry(Wire):
    """A customer to put into a list (`add`) or to take out (`remove`): by id, or by an identifier."""

    id: CustomerId = optional()
    identifier: ListedIdentifier = optional()
    action: Annotated[Literal["add", "remove"], Field(description="add unless said.")] = "add"

    @model_validator(mode="after")
    def _one_of_them(self) -> "ListEntry":
        if len({"id", "identifier"} & self.model_fields_set) != 1:
            raise PydanticCustomError("customer", "Name the customer by id or by identifier, one of them.")
        return self
