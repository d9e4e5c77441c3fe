"""What can be asked about a customer's record."""

import calendar
from typing import Any

from sqlalchemy import BigInteger, Boolean, ColumnElement, Date, FromClause, Integer, case, cast, func, literal, select

from app.catalog.fields import column, store_fields, store_side
from app.core.caller import NAMES
from app.core.fields import Evaluation, Field, FieldType, Pii, Population
from app.customers.attributes import PROFILE, Attribute, Type
from app.customers.models import GENDERS, KINDS, STATUSES, Customer, IdentifierRow

_CHANGED = ("customer.created", "customer.updated")
_ASSIGNED = (*_CHANGED, "customer.assigned")
_GONE = ("merged", "erased")

# Walk-ins stand for nobody in particular, and who was merged or erased is nobody any more.
POPULATION = Population(
    rows=Customer.__table__.alias,
    id=lambda customer: customer.c.id,
    counted=lambda customer: (customer.c.kind != "walk_in") & customer.c.status.not_in(_GONE),
)


def _day_of_year(row: FromClause, _: Evaluation) -> ColumnElement[Any]:
    return cast(row.c.birth_month, Integer) * 100 + row.c.birth_day


def _age(row: FromClause, asked: Evaluation) -> ColumnElement[Any]:
    """Full years; who was born on 29 February grows older on the 28th of other years."""
    today = asked.as_of.month * 100 + asked.as_of.day
    if today == 228 and not calendar.isleap(asked.as_of.year):  # noqa: PLR2004
        today = 229
    to_come = case((_day_of_year(row, asked) > today, 1), else_=0)
    return literal(asked.as_of.year, Integer) - row.c.birth_year - to_come


def _created(row: FromClause, asked: Evaluation) -> ColumnElement[Any]:
    return cast(func.timezone(asked.zone, row.c.created_at), Date)


def _has(kind: str) -> Any:
    def build(row: FromClause, _: Evaluation) -> ColumnElement[Any]:
        held = IdentifierRow.__table__.alias()
        mine = (held.c.customer_id == row.c.id) & (held.c.kind == kind)
        return select(literal(1)).where(mine).correlate(row).exists()

    return build


def _field(name: str, label: str, kind: FieldType, **more: Any) -> Field:
    return Field(name, label, kind, more.pop("value", None) or column(name), **{"changed_by": _CHANGED, **more})


def _personal(name: str, label: str, kind: FieldType, **more: Any) -> Field:
    return _field(name, label, kind, group="personal", **{"pii": Pii.PERSONAL, **more})


def _list_text(element: ColumnElement[Any], row: FromClause) -> ColumnElement[Any]:
    each = func.jsonb_array_elements_text(element).table_valued("value", name="each")
    return select(func.string_agg(each.c.value, ", ")).select_from(each).correlate(row).scalar_subquery()


def _in_profile(attribute: Attribute) -> Any:
    """The value of an attribute of the profile. What is stored is of its type, so it can be cast."""

    def build(row: FromClause, _: Evaluation) -> ColumnElement[Any]:
        element = row.c.profile[(attribute.section, attribute.name)]
        if attribute.type is Type.TAGS:
            return _list_text(element, row)
        if attribute.type is Type.MEMBERS:
            return func.jsonb_array_length(element)
        kind = _CAST.get(attribute.type)
        return element.astext if kind is None else cast(element.astext, kind)

    return build


_CAST: dict[Type, Any] = {
    Type.INTEGER: BigInteger, Type.MONEY: BigInteger, Type.DATE: Date, Type.BOOLEAN: Boolean,
}  # fmt: skip
_FIELD_TYPES = {
    Type.TEXT: FieldType.TEXT, Type.CHOICE: FieldType.CHOICE, Type.TAGS: FieldType.TEXT,
    Type.INTEGER: FieldType.NUMBER, Type.MONEY: FieldType.MONEY, Type.DATE: FieldType.DATE,
    Type.BOOLEAN: FieldType.BOOLEAN, Type.MEMBERS: FieldType.NUMBER,
}  # fmt: skip
# A list of words is asked about by a word that it contains.
_OF_TAGS = ("contains", "missing")


def attribute_field(attribute: Attribute) -> Field:
    """An attribute of the profile, declared ones too, as a field; members of a family count."""
    return _field(
        attribute.path, attribute.label, _FIELD_TYPES[attribute.type], value=_in_profile(attribute),
        group=attribute.group, pii=attribute.pii, choices=attribute.choices,
        whole=attribute.type in {Type.INTEGER, Type.MEMBERS}, only=_OF_TAGS if attribute.type is Type.TAGS else (),
    )  # fmt: skip


_HOME = store_side("home", lambda customer: customer.c.home_store, indexed=True)
_WRITABLE_KINDS = tuple(kind for kind in KINDS if kind != "walk_in")
_PRESENT_STATUSES = tuple(status for status in STATUSES if status not in _GONE)

FIELDS: tuple[Field, ...] = (
    _field("kind", "Kind", FieldType.CHOICE, choices=_WRITABLE_KINDS),
    _field("status", "Status", FieldType.CHOICE, choices=_PRESENT_STATUSES),
    _field("display_name", "Name", FieldType.TEXT, pii=Pii.IDENTIFYING, more_groups=(NAMES,)),
    _field("language", "Language", FieldType.TEXT),
    _field("home_store", "Home store", FieldType.TEXT, values_at="/v1/stores"),
    *store_fields("home", "Home store", _HOME, changed_by=_CHANGED),
    _field("account_manager", "Account manager", FieldType.TEXT, changed_by=_ASSIGNED),
    _field("sponsor", "Sponsor", FieldType.TEXT, changed_by=_ASSIGNED),
    _field("grade", "Grade", FieldType.TEXT),
    _field("created", "Customer since", FieldType.DATE, value=_created),
    _personal("given_name", "Given name", FieldType.TEXT, pii=Pii.IDENTIFYING),
    _personal("family_name", "Family name", FieldType.TEXT, pii=Pii.IDENTIFYING),
    _personal("gender", "Gender", FieldType.CHOICE, choices=GENDERS),
    _personal("birthday", "Birthday", FieldType.BIRTHDAY, value=_day_of_year, year=column("birth_year")),
    _personal("age", "Age in full years", FieldType.NUMBER, value=_age, whole=True, temporal=True, unit="years"),
    _personal("source", "Source", FieldType.TEXT, pii=Pii.NONE),
    _field("has_phone", "Has a phone number", FieldType.BOOLEAN, value=_has("phone"), group="contact"),
    _field("has_email", "Has an e-mail address", FieldType.BOOLEAN, value=_has("email"), group="contact"),
    _field("has_card", "Has a card", FieldType.BOOLEAN, value=_has("card"), group="contact"),
    *(attribute_field(attribute) for attribute in PROFILE),
)
