"""Two statements: from an identifier to finished candidates, and how a customer stands."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import (
    ARRAY,
    Boolean,
    ColumnElement,
    Integer,
    Select,
    SQLColumnExpression,
    Subquery,
    Text,
    TextClause,
    Uuid,
    and_,
    any_,
    bindparam,
    case,
    cast,
    func,
    literal,
    null,
    or_,
    select,
    text,
    true,
)  # fmt: skip
from sqlalchemy.dialects.postgresql import JSON, aggregate_order_by, array
from sqlalchemy.sql.selectable import LateralFromClause

from app.catalog.models import Store
from app.core.caller import Caller
from app.core.documents import Sections, json_object
from app.credit.queries import OVERDUE
from app.credit.queries.reserved import reserved_sql
from app.customers import queries as customers_queries
from app.customers.attributes import BOTH
from app.customers.completeness import Weights, weighted
from app.customers.identifiers import WALK_IN
from app.customers.models import Customer, IdentifierRow

CANDIDATES_MAX = 20
ASKED_MAX = 8


def lookup(caller: Caller, sections: Sections, weights: Weights) -> Select[Any]:
    """What `caller` may see of who has a phone or e-mail: one row, the candidates' ids and their JSON array as text.

    Parameters: `kind`, `value`, today's `month` and `day`, and those of `customers.queries.reach_values`. `weights` are
    the company's own, by path.
    """
    seer = customers_queries.sight(caller)
    # Through the look-up table, so that the same statement works when customers are spread over machines.
    holders = (
        select(
            IdentifierRow.customer_id,
            IdentifierRow.is_primary,
            func.count().over().label("holders"),
        )
        .where(
            IdentifierRow.kind == bindparam("kind", type_=Text),
            IdentifierRow.value == bindparam("value", type_=Text),
            # Of whom the caller may not know nobody is counted or takes a place.
            customers_queries.reached(seer, IdentifierRow.customer_id),
        )
        .order_by(IdentifierRow.is_primary.desc(), IdentifierRow.customer_id.desc())
        .limit(CANDIDATES_MAX)
        .cte("holders")
        .prefix_with("MATERIALIZED")
    )
    has = customers_queries.held(caller.field_groups)
    document = about(caller, sections, _match(holders), ask_next(caller, weights, has))
    candidate = (
        select(Customer.id, holders.c.is_primary, document.label("document"))
        .join_from(holders, Customer, holders.c.customer_id == Customer.id)
        .join(has, true())
        .where(Customer.kind != WALK_IN, customers_queries.visible_to(seer))
        .subquery("candidate")
    )
    return answer(candidate, (candidate.c.is_primary.desc(), candidate.c.id.desc()))


def lookup_exclusive(caller: Caller, sections: Sections, weights: Weights) -> Select[Any]:
    """The same by a card or an external id, which only one customer can have; no row if nobody has.

    Nothing is counted, sorted or gathered.
    """
    kind = bindparam("kind", type_=Text)
    # As above, through the look-up table.
    holder = (
        select(IdentifierRow.customer_id)
        .where(IdentifierRow.kind == kind, IdentifierRow.value == bindparam("value", type_=Text))
        .limit(1)
        .subquery("holder")
    )
    has = customers_queries.held(caller.field_groups)
    match = case((kind.like("external:%"), literal("external")), else_=kind)
    document = about(caller, sections, match, ask_next(caller, weights, has))
    found: Any = (
        select(array([Customer.id]).label("ids"), func.concat("[", cast(document, Text), "]").label("data"))
        .join_from(holder, Customer, holder.c.customer_id == Customer.id)
        .join(has, true())
        .where(Customer.kind != WALK_IN, customers_queries.visible_to(customers_queries.sight(caller)))
    )
    return found  # type: ignore[no-any-return]


def about(
    caller: Caller, sections: Sections, match: ColumnElement[Any] | None = None, asks: ColumnElement[Any] | None = None
) -> ColumnElement[Any]:
    """The document of a row of `customers`; of a candidate with the reason why it is one, and with what to ask next."""
    held = caller.field_groups
    members: dict[str, SQLColumnExpression[Any]] = {} if match is None else {"match": match}
    members |= customers_queries.members(held, sections)
    if "personal" in held:
        members["birthday_today"] = func.coalesce(
            and_(
                Customer.birth_month == bindparam("month", type_=Integer),
                Customer.birth_day == bindparam("day", type_=Integer),
            ),
            literal(False, Boolean),
        )
    if asks is not None:
        members["ask_next"] = asks
    return json_object(**members)


def answer(candidate: Subquery, order: Sequence[ColumnElement[Any]]) -> Select[Any]:
    """One row: the `id`s of candidates, and their `document`s in this order as a JSON array in text."""
    documents = func.json_agg(aggregate_order_by(candidate.c.document, *order), type_=JSON)
    found: Any = select(
        func.coalesce(func.array_agg(candidate.c.id), cast(text("'{}'"), ARRAY(Uuid))).label("ids"),
        func.coalesce(cast(documents, Text), "[]").label("data"),
    )
    return found  # type: ignore[no-any-return]


# Parameters `customer`, `today` (the company's day) and `now`; no row if there is no such customer.
STANDING = """
SELECT c.id AS customer_id, a.status, a.credit_limit, a.balance, a.currency, debt.overdue, debt.since,
       @reserved@ AS reserved,
       held.rules, held.reasons, held.placed
FROM customers c
CROSS JOIN LATERAL (
  SELECT array_agg(h.rule ORDER BY h.placed_at, h.id) AS rules, array_agg(h.reason ORDER BY h.placed_at, h.id)
    AS reasons, array_agg(h.placed_at ORDER BY h.placed_at, h.id) AS placed
  FROM holds h WHERE h.customer_id = c.id AND h.released_at IS NULL
) AS held
LEFT JOIN credit_accounts a ON a.customer_id = c.id
LEFT JOIN LATERAL (@overdue@) AS debt ON a.customer_id IS NOT NULL
WHERE c.id = CAST(:customer AS uuid) AND c.kind <> 'walk_in' AND c.status NOT IN ('merged', 'erased')
""".replace("@overdue@", OVERDUE).replace("@reserved@", reserved_sql("c.id"))


def standing(caller: Caller) -> TextClause:
    """How a customer stands whom the caller may know of: STANDING, and the parameters of `reach_values`."""
    return text(f"{STANDING}  AND {customers_queries.reached_sql(caller, 'c.id')}")


def phone_region() -> Select[Any]:
    """Parameter `store`: how that store reads a number without country code."""
    return select(Store.phone_region).where(Store.code == bindparam("store", type_=Text))


def _match(holders: Any) -> ColumnElement[Any]:
    kind = bindparam("kind", type_=Text)
    return case(
        (holders.c.holders == 1, literal("exact_").concat(kind)),
        (holders.c.is_primary, literal("primary")),
        else_=literal("shared_").concat(kind),
    )


def ask_next(caller: Caller, weights: Weights, has: LateralFromClause) -> ColumnElement[Any]:
    """What is worth asking next, of what this caller may know of: the heaviest that is missing or looks made up.

    `weights` are the company's own, by path, and `has` is what `customers.queries.held` reads of the row.
    Only the heaviest few of each kind of customer are looked at: each costs every lookup a little.
    """

    def first(kind: str) -> ColumnElement[Any]:
        counted = [one for _, one in weighted(weights, kind) if one.group in caller.field_groups][:ASKED_MAX]
        paths = {one: literal(one.path, Text) for one in counted}
        lacking = {one: customers_queries.lacks(one, has) for one in counted}
        asks = [(or_(lacking[one], path == any_(Customer.suspect)), path) for one, path in paths.items()]
        return case(*asks, else_=None) if asks else null()

    return case({kind: first(kind) for kind in BOTH}, value=Customer.kind, else_=None)
