"""What can be asked about the key people of a business, and about who is related to whom."""

from collections.abc import Callable
from typing import Any

from sqlalchemy import ColumnElement, Date, FromClause, Integer, Select, any_, cast, func, literal, or_, select

from app.catalog.fields import column, coordinates, own_points
from app.core.fields import Build, Collection, Evaluation, Field, FieldType, Pii, Places, Points, Side, Spread
from app.customers.models import (
    ADDRESS_KINDS,
    AUTHORITIES,
    INVERSE,
    KINDS,
    STATUSES,
    Address,
    Contact,
    Customer,
    Relationship,
)

_KEY_PERSON = ("contact.updated",)
_MOVED = ("address.updated",)
_RELATED = ("relationship.updated",)
_OTHER_CHANGED = ("relationship.updated", "customer.updated")


def _day_of_year(row: FromClause, _: Evaluation) -> ColumnElement[Any]:
    return cast(row.c.birth_month, Integer) * 100 + row.c.birth_day


def _collected(row: FromClause, asked: Evaluation) -> ColumnElement[Any]:
    return cast(func.timezone(asked.zone, row.c.collected_at), Date)


def _has_phone(row: FromClause, _: Evaluation) -> ColumnElement[Any]:
    return func.cardinality(row.c.phones) > 0


def _listed(name: str) -> Build:
    """The words of a list as one text; an empty list is missing."""
    return lambda row, _: func.nullif(func.array_to_string(row.c[name], ", "), "")


def _has_email(row: FromClause, _: Evaluation) -> ColumnElement[Any]:
    return row.c.email.is_not(None)


def _usable(row: FromClause, asked: Evaluation) -> ColumnElement[bool]:
    return or_(row.c.licence_end.is_(None), row.c.licence_end >= literal(asked.as_of, Date))


def _addresses(row: FromClause, asked: Evaluation) -> Points:
    """Where a customer's addresses are, of those that may be used."""
    of = Address.__table__.alias()
    owner = of.c.customer_id
    counted = (of.c.latitude.is_not(None), _usable(of, asked), *asked.bounds(owner))
    return Points(of.c.latitude, of.c.longitude, Places(of, owner, row.c.id, counted))


def _known_points(row: FromClause, asked: Evaluation) -> ColumnElement[Any]:
    places = _addresses(row, asked).many
    assert places is not None  # noqa: S101  addresses are rows
    each = func.string_agg(coordinates(places.rows, asked), "; ")
    return select(each).where(*places.mine).correlate(row).scalar_subquery()


def _of_address(name: str, label: str, kind: FieldType, **more: Any) -> Field:
    return Field(name, label, kind, more.pop("value", None) or column(name), changed_by=_MOVED, **more)


FIELDS: tuple[Field, ...] = (
    Field("location", "Where the customer's addresses are: the nearest one counts", FieldType.LOCATION, _known_points,
          points=_addresses, group="contact", pii=Pii.IDENTIFYING, changed_by=_MOVED, temporal=True),
)  # fmt: skip


def _of_contact(name: str, label: str, kind: FieldType, **more: Any) -> Field:
    return Field(name, label, kind, more.pop("value", None) or column(name), changed_by=_KEY_PERSON, **more)


_OTHER = Side(
    "other",
    relation=lambda _: Customer.__table__.alias(),
    on=lambda relationship, other: other.c.id == relationship.c.other,
    present=lambda other: other.c.id,
)


def _of_other(name: str, label: str, kind: FieldType, **more: Any) -> Field:
    return Field(f"other.{name}", label, kind, column(name), side=_OTHER, changed_by=_OTHER_CHANGED, **more)


def _related(customers: ColumnElement[Any]) -> Select[Any]:
    """Who is related to one of these customers: whose record changes, or becomes another's, is seen from both sides."""
    row = Relationship.__table__.alias()
    return select(row.c.customer_id).where(row.c.other == any_(customers))


def _collection(
    name: str,
    label: str,
    relation: Callable[[], FromClause],
    changed_by: tuple[str, ...],
    fields: tuple[Field, ...],
    spreads: Spread | None = None,
    *,
    of_others: bool = False,
) -> Collection:
    """A customer has few of them, found by their key; they happen on no day."""
    return Collection(
        name, label, relation=relation, fields=fields, changed_by=changed_by, spreads=spreads, of_others=of_others,
        customer=lambda row: row.c.customer_id,
        order=lambda row: (row.c.created_at, row.c.id),
        evidence=lambda row: row.c.id,
    )  # fmt: skip


COLLECTIONS: tuple[Collection, ...] = (
    _collection("contacts", "Key people of a business", Contact.__table__.alias, _KEY_PERSON, (
        _of_contact("role", "Role", FieldType.TEXT),
        _of_contact("title", "Title", FieldType.TEXT),
        _of_contact("authority", "Authority", FieldType.CHOICE, choices=AUTHORITIES),
        _of_contact("standing", "Standing", FieldType.TEXT),
        _of_contact("collected", "Day on which it was collected", FieldType.DATE, value=_collected),
        _of_contact("name", "Name", FieldType.TEXT, group="personal", pii=Pii.IDENTIFYING),
        _of_contact("birthday", "Birthday", FieldType.BIRTHDAY, value=_day_of_year, year=column("birth_year"),
                    group="personal", pii=Pii.PERSONAL),
        _of_contact("likes", "Likes", FieldType.TEXT, value=_listed("likes"), only=("contains", "missing"),
                    group="personal", pii=Pii.PERSONAL),
        _of_contact("has_phone", "Has a phone number", FieldType.BOOLEAN, value=_has_phone, group="contact"),
        _of_contact("has_email", "Has an e-mail address", FieldType.BOOLEAN, value=_has_email, group="contact"),
    )),
    _collection("addresses", "Addresses", Address.__table__.alias, _MOVED, (
        _of_address("kind", "Kind", FieldType.CHOICE, choices=ADDRESS_KINDS),
        _of_address("country", "Country", FieldType.TEXT),
        _of_address("region", "Region", FieldType.TEXT),
        _of_address("city", "City", FieldType.TEXT),
        _of_address("district", "District", FieldType.TEXT, group="contact", pii=Pii.PERSONAL),
        _of_address("postcode", "Postcode", FieldType.TEXT, group="contact", pii=Pii.PERSONAL),
        _of_address("location", "Where it is", FieldType.LOCATION, value=coordinates, points=own_points,
                    group="contact", pii=Pii.IDENTIFYING),
        _of_address("usable", "May be used: its licence has not ended", FieldType.BOOLEAN, value=_usable,
                    temporal=True),
        _of_address("collected", "Day on which it was collected", FieldType.DATE, value=_collected),
    )),
    _collection("relationships", "Relationships with other customers", Relationship.__table__.alias, _RELATED, (
        Field("kind", "What the other is to the customer", FieldType.CHOICE, column("kind"), choices=tuple(INVERSE),
              changed_by=_RELATED),
        Field("since", "Since", FieldType.DATE, column("since"), changed_by=_RELATED),
        Field("other", "The other customer", FieldType.REFERENCE, column("other"), changed_by=_RELATED),
        _of_other("kind", "The other's kind", FieldType.CHOICE,
                  choices=tuple(kind for kind in KINDS if kind != "walk_in")),
        _of_other("status", "The other's status", FieldType.CHOICE, choices=STATUSES),
        _of_other("home_store", "The other's home store", FieldType.TEXT, values_at="/v1/stores"),
    ), _related, of_others=True),
)  # fmt: skip
