"""Which customers a caller may know of: the one definition, for every statement that shows or changes customer data.

What a caller may not know of is for it exactly as absent.
"""

import uuid
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any, NamedTuple

from sqlalchemy import (
    ARRAY,
    ColumnElement,
    Select,
    Text,
    Uuid,
    and_,
    any_,
    bindparam,
    exists,
    false,
    literal,
    or_,
    select,
    true,
)
from sqlalchemy.engine.default import DefaultDialect

from app.catalog.models import Store
from app.core.caller import Caller
from app.core.db import Tx
from app.customers.models import Customer
from app.customers.record import PARTS

PARTNER = "partner"
# Statuses of who is not there any more.
GONE = ("merged", "erased")


class Sight(NamedTuple):
    """What `visible_to` depends on, but for its values: a statement is built once for all callers with the same.

    `reach` is that of the caller, or PARTNER.
    """

    reach: str


def sight(caller: Caller | Sight) -> Sight:
    """What statements depend on that are built once, for callers like this one."""
    if isinstance(caller, Sight):
        return caller
    return Sight(caller.reach if caller.partner is None else PARTNER)


def visible_to(caller: Caller | Sight, row: Any = None) -> ColumnElement[bool]:
    """Whether the caller may know of a row of `customers` (`row`: an alias of it).

    A partner sees the customers of its agreements, and there are no agreements yet. A staff key sees those of whom its
    `staff` is account manager or sponsor, those of its store, those of the stores of its store's region, or all.

    A statement that is built once has the `sight` of its callers; its parameters are those of `reach_values`.
    """
    values, reach = reach_values(caller) if isinstance(caller, Caller) else None, sight(caller).reach
    if reach == PARTNER:
        return false()
    if reach == "all":
        return true()
    columns = (Customer.__table__ if row is None else row).c

    def bound(name: str) -> ColumnElement[Any]:
        return bindparam(name, type_=Text) if values is None else bindparam(name, values[name], type_=Text)

    if reach == "own":
        return or_(*(columns[part] == bound("reach_staff") for part in PARTS))
    store = bound("reach_store")
    if reach == "store":
        return columns.home_store == store
    return columns.home_store.in_(_near(store))


def present(caller: Caller | Sight, row: Any = None) -> ColumnElement[bool]:
    """The same for whom there still is: who was merged or erased is found no more, but by `queries.merges.absent`."""
    columns = (Customer.__table__ if row is None else row).c
    return and_(columns.status.not_in(GONE), visible_to(caller, row))


def _near(store: ColumnElement[Any]) -> Select[Any]:
    """The codes of a store and of the other stores of its region. A store without a region is a region of its own."""
    home, near = Store.__table__.alias("home"), Store.__table__.alias("near")
    region = select(home.c.region).where(home.c.code == store).scalar_subquery()
    return select(near.c.code).where(or_(near.c.code == store, near.c.region == region))


def reached(caller: Caller | Sight, customer: Any) -> ColumnElement[bool]:
    """The same for a row that belongs to the customer in this column."""
    if sight(caller).reach == "all":
        return true()
    row = Customer.__table__.alias("reached")
    mine = (row.c.id == customer, visible_to(caller, row))
    return exists(select(literal(1)).select_from(row).where(*mine).correlate_except(row))


def reached_sql(caller: Caller, customer: str) -> str:
    """`reached` as SQL, for a statement that is text; its parameters are those of `reach_values`."""
    if not caller.limited or caller.partner is not None:
        return "false" if caller.limited else "true"
    row = Customer.__table__.alias("reached")
    seen = visible_to(sight(caller), row).compile(dialect=DefaultDialect(paramstyle="named"))
    return f"EXISTS (SELECT FROM customers AS reached WHERE reached.id = {customer} AND ({seen}))"


def reach_values(caller: Caller) -> Mapping[str, str | None]:
    """The parameters of a statement that is built for a `sight`."""
    return {"reach_staff": caller.staff, "reach_store": caller.store}


async def may_see(tx: Tx, customer: uuid.UUID) -> bool:
    """Whether there is such a customer for the caller."""
    values = {"customer": customer, **reach_values(tx.caller)}
    return await tx.scalar(_seeing(sight(tx.caller)), values) is not None


@cache
def _seeing(seer: Sight) -> Select[Any]:
    return select(Customer.id).where(Customer.id == bindparam("customer", type_=Uuid), present(seer))


async def hidden(tx: Tx, customers: Iterable[uuid.UUID]) -> set[uuid.UUID]:
    """Those of some customers whom the caller may not know of; of one who may know of all it asks nothing."""
    ids = sorted(set(customers))
    if not tx.caller.limited or not ids:
        return set()
    listed = Customer.id == any_(literal(ids, ARRAY(Uuid)))
    seen = await tx.rows(select(Customer.id).where(listed, visible_to(tx.caller)))
    return set(ids) - {row[0] for row in seen}


async def reached_stores(tx: Tx) -> set[str] | None:
    """The stores whose customers the caller may know of; None if that does not depend on stores. One statement."""
    caller = tx.caller
    if caller.reach not in {"store", "region"}:
        return None
    if caller.reach == "store":
        return {str(caller.store)}
    return {str(caller.store), *(row[0] for row in await tx.rows(_near(literal(caller.store, Text))))}
