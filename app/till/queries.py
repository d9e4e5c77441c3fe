"""The one question that a push asks before it writes: what is known of everything that these receipts name."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Executable, text

from app.core.db import Tx
from app.receipts.columns import Rows, bound, literals, source

_STORES = (("code", "text"),)
_PRODUCTS = (("code", "text"),)
_IDENTIFIERS = (("kind", "text"), ("value", "text"))
_CUSTOMERS = (("id", "uuid"),)
_NUMBERS = (("source", "text"), ("number", "text"))

# A statement that changes a setting is never run by parallel workers: to start them takes longer than all of it.
# One row per finding: (what, place among the asked, text, id, hash). What is unknown has no row, except products, of
# which only the unknown are told. An identifier that several hold is the one's for whom it is primary, if that is one.
_RESOLVE = """
SELECT 'store' AS what, store.place, s.phone_region AS found, w.customer_id::text AS id, NULL::text AS hash
FROM @store@ JOIN stores s ON s.code = store.code
LEFT JOIN identifiers w ON w.kind = 'walk_in' AND w.value = s.code
WHERE set_config('max_parallel_workers_per_gather', '0', true) IS NOT NULL
UNION ALL
SELECT 'product', product.place, NULL, NULL, NULL
FROM @product@ WHERE NOT EXISTS (SELECT FROM products p WHERE p.code = product.code)
UNION ALL
SELECT 'customer', customer.place, c.kind, coalesce(c.merged_into, c.id)::text, NULL
FROM @customer@ JOIN customers c ON c.id = customer.id AND c.status <> 'erased'
UNION ALL
SELECT 'number', number.place, n.customer_id::text, n.receipt_id::text, encode(n.content_hash, 'hex')
FROM @number@ JOIN receipt_numbers n ON n.source = number.source AND n.number = number.number
UNION ALL
SELECT 'identifier', identifier.place, i.is_primary::text, i.customer_id::text, NULL
FROM @identifier@ JOIN identifiers i ON i.kind = identifier.kind AND i.value = identifier.value
"""


_SPECS = {
    "store": _STORES,
    "product": _PRODUCTS,
    "customer": _CUSTOMERS,
    "number": _NUMBERS,
    "identifier": _IDENTIFIERS,
}


def _rows(name: str, *, many: bool) -> Rows:
    # One receipt has one store, number and customer, but several products.
    return Rows.MANY if many else Rows.FEW if name == "product" else Rows.ONE


def _statement(*, many: bool) -> Executable:
    sql = _RESOLVE
    for name, spec in _SPECS.items():
        sql = sql.replace(f"@{name}@", source(spec, name, _rows(name, many=many)))
    return text(sql)


_ONE, _MANY = _statement(many=False), _statement(many=True)


@dataclass(slots=True)
class Asked:
    """What to look up; answers name the place in these lists."""

    stores: Sequence[str] = ()
    products: Sequence[str] = ()
    customers: Sequence[str] = ()
    numbers: Sequence[tuple[str, str]] = ()
    identifiers: Sequence[tuple[str, str]] = ()


@dataclass(frozen=True, slots=True)
class Shop:
    """A store: how its phone numbers are read, and its walk-in if it has one yet."""

    region: str
    walk_in: str | None


@dataclass(frozen=True, slots=True)
class Taken:
    """A receipt number that stands for a receipt already."""

    customer_id: str
    receipt_id: str
    hash: str


@dataclass(slots=True)
class Known:
    """What was found, by place. `holders`: the customer whom an identifier names, or None if several share it alike."""

    stores: dict[int, Shop] = field(default_factory=dict)
    new_products: list[int] = field(default_factory=list)
    customers: dict[int, tuple[str, bool]] = field(default_factory=dict)
    numbers: dict[int, Taken] = field(default_factory=dict)
    holders: dict[int, str | None] = field(default_factory=dict)


async def resolve(tx: Tx, asked: Asked) -> Known:
    """Look everything up in one statement. `Known.customers` tells (id, whether it is a walk-in)."""
    many = max(len(asked.stores), len(asked.customers), len(asked.numbers), len(asked.identifiers)) > 1
    parameters: dict[str, Any] = {}
    for name, rows in (
        ("store", [(one,) for one in asked.stores]),
        ("product", [(one,) for one in asked.products]),
        ("customer", [(one,) for one in asked.customers]),
        ("number", asked.numbers),
        ("identifier", asked.identifiers),
    ):
        parameters |= bound(name, literals(_SPECS[name], rows), len(rows), _rows(name, many=many))
    known = Known()
    shared: dict[int, list[tuple[bool, str]]] = {}
    for what, ordinal, found, customer, hashed in await tx.rows(_MANY if many else _ONE, parameters):
        place = ordinal - 1
        if what == "identifier":
            shared.setdefault(place, []).append((found == "true", customer))
        elif what == "number":
            known.numbers[place] = Taken(found, customer, hashed)
        elif what == "customer":
            known.customers[place] = (customer, found == "walk_in")
        elif what == "store":
            known.stores[place] = Shop(found, customer)
        else:
            known.new_products.append(place)
    for place, holders in shared.items():
        known.holders[place] = _holder(holders)
    return known


def _holder(holders: list[tuple[bool, str]]) -> str | None:
    if len(holders) == 1:
        return holders[0][1]
    primary = [customer for is_primary, customer in holders if is_primary]
    return primary[0] if len(primary) == 1 else None
