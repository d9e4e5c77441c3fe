"""Which customers a caller may know of: the one definition, for every statement that shows or changes customer data.

What a caller may not know of is for it exactly as absent.
"""

import uuid
from collections.abc import Iterable, Mapping
from typing import Any

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

# Statuses of who is not there any more.
GONE = ("merged", "erased")


def visible_to(caller: Caller, row: Any = None, *, hot: bool = False) -> ColumnElement[bool]:
    """Whether the caller may know of a row of `customers` (`row`: an alias of it).

    A partner sees the customers of its agreements, and there are no agreements yet. A staff key sees those of whom its
    `staff` is account manager or sponsor, those of its store, those of the stores of its store's region, or all.

    A `hot` statement is compiled once for all keys of one reach: its parameters are those of `reach_values`.
    """
    if caller.partner is not None:
        return false()
    if caller.reach == "all":
        return true()
    columns = (Customer.__table__ if row is None else row).c

    def bound(name: str, value: str | None) -> ColumnElement[Any]:
        return bindparam(name, type_=Text) if hot else bindparam(name, value, type_=Text)

    if caller.reach == "own":
        return or_(*(columns[part] == bound("reach_staff", caller.staff) for part in PARTS))
    store = bound("reach_store", caller.store)
    if caller.reach == "store":
        return columns.home_store == store
    return columns.home_store.in_(_near(store))


def present(caller: Caller, row: Any = None, *, hot: bool = False) -> ColumnElement[bool]:
    """The same for whom there still is: who was merged or erased is found no more, but by `queries.merges.absent`."""
    columns = (Customer.__table__ if row is None else row).c
    return and_(columns.status.not_in(GONE), visible_to(caller, row, hot=hot))


def _near(store: ColumnElement[Any]) -> Select[Any]:
    """The codes of a store and of the other stores of its region. A store without a region is a region of its own."""
    home, near = Store.__table__.alias("home"), Store.__table__.alias("near")
    region = select(home.c.region).where(home.c.code == store).scalar_subquery()
    return select(near.c.code).where(or_(near.c.code == store, near.c.region == region))


def reached(caller: Caller, customer: Any, *, hot: bool = False) -> ColumnElement[bool]:
    """The same for a row that belongs to the customer in this column."""
    if not caller.limited:
        return true()
    row = Customer.__table__.alias("reached")
    mine = (row.c.id == customer, visible_to(caller, row, hot=hot))
    return exists(select(literal(1)).select_from(row).where(*mine).correlate_except(row))


def reached_sql(caller: Caller, customer: str) -> str:
    """`reached` as SQL, for a statement that is text; its parameters are those of `reach_values`."""
    if not caller.limited or caller.partner is not None:
        return "false" if caller.limited else "true"
    row = Customer.__table__.alias("reached")
    seen = visible_to(caller, row, hot=True).compile(dialect=DefaultDialect(paramstyle="named"))
    return f"EXISTS (SELECT FROM customers AS reached WHERE reached.id = {customer} AND ({seen}))"


def reach_values(caller: Caller) -> Mapping[str, str | None]:
    """The parameters of a hot statement."""
    return {"reach_staff": caller.staff, "reach_store": caller.store}


async def may_see(tx: Tx, customer: uuid.UUID) -> bool:
    """Whether there is such a customer for the caller."""
    return await tx.scalar(select(Customer.id).where(Customer.id == customer, present(tx.caller))) is not None


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
