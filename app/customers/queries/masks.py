"""`customers.masks` in SQL, over columns: null stays null."""

from typing import Any

from sqlalchemy import ARRAY, ColumnElement, SQLColumnExpression, Text, case, cast, column, func, literal, select
from sqlalchemy.dialects.postgresql import aggregate_order_by

from app.core.caller import MASKED
from app.customers.masks import HIDDEN, ID_LEAST, PHONE_LEAST

_HIDDEN = literal(HIDDEN, Text)


def is_masked(group: str, groups: frozenset[str]) -> bool:
    """Whether a caller with these field groups sees this one masked."""
    return MASKED[group] in groups


def masked_phone(value: SQLColumnExpression[Any]) -> ColumnElement[Any]:
    """A phone number, in any form."""
    digits = func.regexp_replace(value, "[^0-9+]", "", "g")
    length = func.length(digits)
    shown = func.left(digits, length - 8).concat(_HIDDEN).concat(func.right(digits, 4))
    return case((length >= PHONE_LEAST, shown), (value.is_not(None), _HIDDEN))


def masked_email(value: SQLColumnExpression[Any]) -> ColumnElement[Any]:
    """An e-mail address; of what is none nothing is shown."""
    shown = func.left(value, 1).concat(literal("***@", Text)).concat(func.split_part(value, "@", -1))
    return case((func.strpos(func.substr(value, 2), "@") > 0, shown), (value.is_not(None), _HIDDEN))


def masked_number(value: SQLColumnExpression[Any]) -> ColumnElement[Any]:
    """A card, or an id that another system has given."""
    return case((func.length(value) >= ID_LEAST, _HIDDEN.concat(func.right(value, 4))), (value.is_not(None), _HIDDEN))


def masked_name(value: SQLColumnExpression[Any]) -> ColumnElement[Any]:
    """A name of a person or a business."""
    return func.left(value, 1).concat(literal("*", Text))


def masked_identifier(kind: SQLColumnExpression[Any], value: SQLColumnExpression[Any]) -> ColumnElement[Any]:
    """The value of an identifier, or what was typed for it."""
    return case(
        (kind == "phone", masked_phone(value)), (kind == "email", masked_email(value)), else_=masked_number(value)
    )


def masked_phones(values: SQLColumnExpression[Any]) -> ColumnElement[Any]:
    """A list of phone numbers."""
    each = (
        func.unnest(values).table_valued(column("value", Text), with_ordinality="place", name="each").render_derived()
    )
    listed = select(func.array_agg(aggregate_order_by(masked_phone(each.c.value), each.c.place), type_=ARRAY(Text)))
    return func.coalesce(listed.scalar_subquery(), cast([], ARRAY(Text)))
