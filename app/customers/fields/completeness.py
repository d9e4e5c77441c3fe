"""How complete a record is, for the segment language: the score of `customers.completeness`, for everybody at once.

The score counts every field group, so who asks needs them all: it is the number that such a caller's own answer shows.
It is reckoned from the record as it stands, in the one statement of the question: some 10 microseconds a customer, ten
times what most fields cost.
"""

from collections.abc import Iterable
from functools import reduce
from operator import add
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Date,
    FromClause,
    Integer,
    and_,
    case,
    cast,
    column,
    func,
    literal,
    literal_column,
    not_,
    null,
    or_,
    select,
    table,
    tuple_,
    union_all,
)
from sqlalchemy.dialects.postgresql import REGCLASS

from app.core.caller import FIELD_GROUPS
from app.core.fields import OPERATORS, Evaluation, Field, FieldType
from app.core.settings import CompletenessSettings
from app.customers.attributes import BOTH, Attribute, Type
from app.customers.completeness import Counted, weighted
from app.customers.models import Address, Customer, Fact, IdentifierRow

_CHANGED = (
    "customer.created", "customer.updated", "customer.confirmed", "address.updated", "attribute.updated",
)  # fmt: skip
# Birthdays with a year fall on the days of about so many years.
_YEARS, _DAYS, _TIMES_CHANCE = 60, 366, 10
_BIRTHDAY = "birthday"
# So many who share a birthday are counted one by one. Whether more do is told by those whose id ends in a byte of
# zeros, one in 256 at random: a day of ten thousand would cost a card more than all the rest.
COUNTED, EVERY = 2560, 256
# No rank: it would reckon everybody's score several times over.
_OPERATORS = tuple(operator for operator in OPERATORS[FieldType.NUMBER] if operator != "rank")
# What counts, by the kind of customer.
Counts = dict[str, Counted]
# Asked about several times, each time for itself: an alias for each would be dear to make.
_IDENTIFIERS, _ADDRESSES, _FACTS = (
    one.__table__.alias(name) for one, name in ((IdentifierRow, "held"), (Address, "lived"), (Fact, "fact"))
)


def crowd(least: int, year: ColumnElement[Any]) -> ColumnElement[int]:
    """From how many customers on a birthday looks made up: `least`, and ten times more than chance brings.

    `year` is the birthday's, which may be null.
    """
    size = table("pg_class", column("reltuples"), column("oid"))
    here = select(func.greatest(size.c.reltuples, 0)).where(size.c.oid == cast(literal("customers"), REGCLASS))
    days = case((year.is_not(None), literal(_DAYS * _YEARS)), else_=literal(_DAYS))
    return cast(func.greatest(literal(least), here.scalar_subquery() * _TIMES_CHANCE / days), Integer)


def in_sample(owner: FromClause) -> ColumnElement[bool]:
    """Whether a row of `customers` is one of every 256th. Written out, as the index of their birthdays has it."""
    byte: ColumnElement[int] = func.get_byte(func.uuid_send(owner.c.id), literal_column("15"))
    return byte == literal_column("0")


def completeness_field(settings: CompletenessSettings, declared: Iterable[Attribute] = ()) -> Field:
    """The field `completeness`, by these weights; `declared` are the company's own attributes."""
    own_ones = tuple(declared)
    counts = {kind: weighted(settings.weights, kind, own_ones) for kind in BOTH}
    totals = {kind: sum(worth for worth, _ in counted) for kind, counted in counts.items()}
    # What is worth the same to both is reckoned once.
    shared = [each for each in counts[BOTH[0]] if each in counts[BOTH[1]]]
    apart = {kind: [each for each in counted if each not in shared] for kind, counted in counts.items()}

    def score(row: FromClause, asked: Evaluation) -> ColumnElement[Any]:
        def held(counted: Counted) -> ColumnElement[Any]:
            these = [(worth, _known(row, asked, one, settings.shared_birthday)) for worth, one in counted]
            return reduce(add, (case((known, worth), else_=0) for worth, known in these), literal(0, Integer))

        # Of a person nothing is looked up that only businesses have.
        own = case({kind: held(apart[kind]) for kind in BOTH}, value=row.c.kind, else_=0)
        total = case({kind: literal(worth, Integer) for kind, worth in totals.items() if worth}, value=row.c.kind)
        percent = 100 * (held(shared) + own - _unlicensed(row, asked, counts)) // total
        # Where nothing counts, nothing is missing.
        return func.coalesce(percent, 100)

    return Field(
        "completeness", "How complete the record is, 0 to 100 (dear to ask of everybody)", FieldType.NUMBER, score,
        group="personal", more_groups=tuple(group for group in FIELD_GROUPS if group != "personal"), whole=True,
        temporal=True, changed_by=_CHANGED, only=_OPERATORS, followed=False, unit="percent",
    )  # fmt: skip


def _known(row: FromClause, asked: Evaluation, one: Attribute, least: int) -> ColumnElement[bool]:
    """Whether there is a value that does not look made up. `_unlicensed` knows whether it may still be used."""
    if one.type is Type.IDENTIFIER:
        of = _IDENTIFIERS
        return _some(row, asked, of, of.c.kind == one.path, not_(of.c.suspect))
    if one.type is Type.ADDRESS:
        return _some(row, asked, _ADDRESSES)
    good = literal(one.path) != func.all(row.c.suspect)
    if one.type is Type.BIRTHDAY:
        return and_(row.c.birth_month.is_not(None), good, not_(_crowded(row, asked, least)), not_(_ended(row, asked)))
    value = row.c.profile[(one.section, one.name)] if one.section else row.c[one.path]
    return and_(value.is_not(null()), good)


def _some(row: FromClause, asked: Evaluation, of: FromClause, *more: ColumnElement[bool]) -> ColumnElement[bool]:
    """Whether the customer has one that may still be used."""
    usable = or_(of.c.licence_end.is_(None), of.c.licence_end >= literal(asked.as_of, Date))
    return select(literal(1)).where(of.c.customer_id == row.c.id, usable, *more).correlate(row).exists()


def _unlicensed(row: FromClause, asked: Evaluation, counts: Counts) -> ColumnElement[Any]:
    """The weight of the values that would count if their licence had not ended, but for a birthday."""
    fact = _FACTS
    weights = {
        kind: case({one.path: worth for worth, one in counted}, value=fact.c.path, else_=0)
        for kind, counted in counts.items()
        if counted
    }
    if not weights:
        return literal(0, Integer)
    held = (fact.c.retired_at.is_(None), fact.c.path != func.all(row.c.suspect), fact.c.path != _BIRTHDAY)
    weight = func.coalesce(func.sum(case(weights, value=row.c.kind)), 0)
    mine = select(weight).where(fact.c.customer_id == row.c.id, _past(fact, asked), *held).correlate(row)
    # Few have any: who has none costs a look into a hash table, not one into an index.
    some = Fact.__table__.alias()
    whose = select(some.c.customer_id).where(_past(some, asked), *asked.bounds(some.c.customer_id))
    return case((row.c.id.in_(whose), mine.scalar_subquery()), else_=0)


def _ended(row: FromClause, asked: Evaluation) -> ColumnElement[bool]:
    """Whether the licence of the birthday has ended."""
    fact = _FACTS
    past = (_past(fact, asked), fact.c.path == _BIRTHDAY)
    return select(literal(1)).where(fact.c.customer_id == row.c.id, *past).correlate(row).exists()


def _past(fact: FromClause, asked: Evaluation) -> ColumnElement[bool]:
    ended: ColumnElement[bool] = fact.c.licence_end < literal(asked.as_of, Date)
    return ended


def _crowded(row: FromClause, asked: Evaluation, least: int) -> ColumnElement[bool]:
    """Whether too many have this birthday. Read from the index of birthdays once, for those who are asked about."""
    other = Customer.__table__.alias()
    year = func.coalesce(other.c.birth_year, 0)
    found = select(other.c.birth_month, other.c.birth_day, year).where(other.c.birth_month.is_not(None))
    if asked.within is not None:
        mine = Customer.__table__.alias()
        days = select(mine.c.birth_month, mine.c.birth_day).where(*asked.bounds(mine.c.id))
        found = found.where(tuple_(other.c.birth_month, other.c.birth_day).in_(days))
    found = found.group_by(other.c.birth_month, other.c.birth_day, other.c.birth_year)
    limit = crowd(least, other.c.birth_year)
    many = union_all(
        found.having(func.count() >= limit, limit <= COUNTED),
        found.where(in_sample(other)).having(func.count() >= limit // EVERY, limit > COUNTED),
    )
    own = tuple_(row.c.birth_month, row.c.birth_day, func.coalesce(row.c.birth_year, 0))
    return func.coalesce(own.in_(many), literal(False))
