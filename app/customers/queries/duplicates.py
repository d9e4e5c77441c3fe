"""Looking for pairs that may be duplicates, and reading the pairs that were found.

Two ways of looking, which find the same: from some customers through indexes to all who share something with them, and
from one shared value to the next, over all. Each is one statement, whose cost is that of the values that it looks at:
of a value that too many share no more is read than shows that.
"""

import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

from sqlalchemy import ARRAY, Uuid, any_, func, literal, select, text

from app.core.db import Tx
from app.core.sql import recordset
from app.customers.duplicates import BIRTHDAY_MAX, BLOCK_MAX, FAMILY, Pair
from app.customers.models import Address, Customer, DuplicateCandidate, IdentifierRow, Relationship
from app.customers.models.duplicates import PLACE, PLACED
from app.customers.queries.reach import visible_to
from app.customers.queries.reading import editable

# So many identifiers, birthdays, addresses or pairs are read in one look of a sweep, and all that have the last value.
LOOK = 4000

# Terms that are a whole name, in one of the ways of reading it.
_WHOLE = ("name", "pinyin", "reading", "romanised")
_FOCUS = """
focus AS MATERIALIZED (
  SELECT c.id, c.birth_month, c.birth_day, c.birth_year, c.suspect FROM customers c
  WHERE c.id = ANY (CAST(CAST(:customers AS text) AS uuid[]))
)"""

# Blocks: customers who share a value, as `members`. One more than BLOCK_MAX of them says that there are too many.
_MOST = BLOCK_MAX + 1
_REACHED = f"""
reached AS (
  SELECT held.members FROM (
    SELECT DISTINCT i.kind, i.value FROM identifiers i JOIN focus f ON f.id = i.customer_id
    WHERE i.kind IN ('phone', 'email') AND NOT i.suspect
  ) asked CROSS JOIN LATERAL (
    SELECT array_agg(bounded.customer_id) AS members FROM (
      SELECT o.customer_id FROM identifiers o WHERE o.kind = asked.kind AND o.value = asked.value LIMIT {_MOST}) bounded
  ) held
)"""  # noqa: S608  put together from constants
_DAYS = """
days AS (
  SELECT DISTINCT birth_month, birth_day, birth_year FROM focus
  WHERE birth_year IS NOT NULL AND NOT 'birthday' = ANY (suspect)
)"""
_BORN = f"""
counted AS MATERIALIZED (
  SELECT d.*, crowd.number FROM days d CROSS JOIN LATERAL (
    SELECT count(*) AS number FROM (
      SELECT FROM customers c
      WHERE c.birth_month = d.birth_month AND c.birth_day = d.birth_day AND c.birth_year = d.birth_year
      LIMIT {BIRTHDAY_MAX + 1}) bounded
  ) crowd
), born AS (
  SELECT (array_agg(DISTINCT c.id))[1:{_MOST}] AS members
  FROM counted d
  JOIN customers c ON c.birth_month = d.birth_month AND c.birth_day = d.birth_day AND c.birth_year = d.birth_year
    AND NOT 'birthday' = ANY (c.suspect)
  JOIN search_terms t ON t.customer_id = c.id AND t.kind IN {_WHOLE}
  WHERE d.number BETWEEN 2 AND {BIRTHDAY_MAX}
  GROUP BY d.birth_month, d.birth_day, d.birth_year, t.term
  HAVING count(DISTINCT c.id) > 1
)"""  # noqa: S608  put together from constants
_LIVING = f"""
living AS (
  SELECT housed.members FROM (
    SELECT DISTINCT {PLACE} AS place FROM addresses JOIN focus f ON f.id = addresses.customer_id WHERE {PLACED}
  ) asked CROSS JOIN LATERAL (
    SELECT array_agg(bounded.customer_id) AS members FROM (
      SELECT DISTINCT customer_id FROM addresses WHERE {PLACE} = asked.place AND {PLACED} LIMIT {_MOST}) bounded
  ) housed
)"""  # noqa: S608  put together from constants

# The focus with every other member of its blocks; and its open pairs, which may be none any more.
_AROUND = text(
    f"""
WITH {_FOCUS}, {_REACHED}, {_DAYS}, {_BORN}, {_LIVING},
blocks AS (SELECT members FROM reached UNION ALL SELECT members FROM born UNION ALL SELECT members FROM living)
SELECT least(f.id, o.id) AS one, greatest(f.id, o.id) AS other
FROM blocks b CROSS JOIN LATERAL unnest(b.members) AS m (id) JOIN focus f ON f.id = m.id
  JOIN LATERAL unnest(b.members) AS o (id) ON o.id <> f.id
WHERE cardinality(b.members) BETWEEN 2 AND {BLOCK_MAX}
UNION
SELECT least(p.customer_id, p.other), greatest(p.customer_id, p.other)
FROM duplicate_candidates p JOIN focus f ON f.id = p.customer_id WHERE p.status = 'open'
"""  # noqa: S608  put together from constants
)


async def around(tx: Tx, customers: Iterable[uuid.UUID]) -> set[Pair]:
    """The pairs to judge for these customers: with whoever shares something with one of them, and their open pairs."""
    listed = "{" + ",".join(sorted(str(one) for one in customers)) + "}"
    return {(row.one, row.other) for row in await tx.rows(_AROUND, {"customers": listed})}


@dataclass(frozen=True, slots=True)
class Seen:
    """What one look of a sweep saw: pairs to judge, the key to go on after (None: that was all), blocks left out."""

    pairs: set[Pair]
    after: list[Any] | None
    large: int = 0


_DAY = "(birth_month, birth_day, birth_year)"
_IDENTIFIERS = "FROM identifiers WHERE kind = '@kind@' AND value > :after_1"
_BIRTHDAYS = f"""
FROM customers
WHERE birth_month IS NOT NULL AND birth_year IS NOT NULL AND {_DAY} > (:after_1, :after_2, :after_3)"""
_ADDRESSES = f"FROM addresses WHERE {PLACED} AND {PLACE} > :after_1"

# Per pass: the key at which a look ends (one to three values), and the blocks up to it.
_ENDS = {
    "phone": f"SELECT value {_IDENTIFIERS} ORDER BY value OFFSET :size LIMIT 1".replace("@kind@", "phone"),
    "email": f"SELECT value {_IDENTIFIERS} ORDER BY value OFFSET :size LIMIT 1".replace("@kind@", "email"),
    "birthday": f"""
SELECT birth_month, birth_day, birth_year {_BIRTHDAYS} ORDER BY birth_month, birth_day, birth_year OFFSET :size LIMIT 1
""",
    "address": f"SELECT {PLACE} {_ADDRESSES} ORDER BY {PLACE} OFFSET :size LIMIT 1",
}
_HOLDERS = f"""
SELECT (array_agg(customer_id))[1:{_MOST}] AS members {_IDENTIFIERS}
  AND (CAST(:upto_1 AS text) IS NULL OR value <= :upto_1) AND NOT suspect
GROUP BY value HAVING count(*) > 1"""
_BLOCKS = {
    "phone": _HOLDERS.replace("@kind@", "phone"),
    "email": _HOLDERS.replace("@kind@", "email"),
    "birthday": f"""
WITH days AS (
  SELECT DISTINCT birth_month, birth_day, birth_year {_BIRTHDAYS}
    AND (CAST(:upto_1 AS smallint) IS NULL OR {_DAY} <= (:upto_1, :upto_2, :upto_3))
), {_BORN}
SELECT members FROM born
UNION ALL SELECT array_fill(NULL::uuid, ARRAY[{_MOST}]) FROM counted WHERE number > {BIRTHDAY_MAX}""",  # noqa: S608  put together from constants
    "address": f"""
SELECT (array_agg(DISTINCT customer_id))[1:{_MOST}] AS members {_ADDRESSES}
  AND (CAST(:upto_1 AS text) IS NULL OR {PLACE} <= :upto_1)
GROUP BY {PLACE} HAVING count(DISTINCT customer_id) > 1""",
}
_START: dict[str, tuple[Any, ...]] = {"phone": ("",), "email": ("",), "birthday": (0, 0, 0), "address": ("",)}
# A sweep looks at what is open first: what it finds later is judged then.
PASSES = ("open", *_START)


async def look(tx: Tx, name: str, after: Sequence[Any] | None) -> Seen:
    """The next look of a pass of the sweep, behind the key `after` (None: from the beginning)."""
    if name == "open":
        return await _open(tx, after)
    start = _START[name]
    given = {f"after_{place}": value for place, value in enumerate(start if after is None else after, 1)}
    last = await tx.rows(text(_ENDS[name]), {**given, "size": LOOK - 1})
    key = list(last[0]) if last else None
    upto = {f"upto_{place}": value for place, value in enumerate(key or [None] * len(start), 1)}
    found = [row.members for row in await tx.rows(text(_BLOCKS[name]), {**given, **upto})]
    small = [sorted(members) for members in found if len(members) <= BLOCK_MAX]
    pairs = {pair for members in small for pair in combinations(members, 2)}
    return Seen(pairs, key, len(found) - len(small))


async def _open(tx: Tx, after: Sequence[Any] | None) -> Seen:
    row = DuplicateCandidate
    key = func.row(row.customer_id, row.other)
    found = select(row.customer_id, row.other).where(row.status == "open", row.customer_id < row.other)
    if after is not None:
        found = found.where(key > func.row(*(literal(uuid.UUID(one)) for one in after)))
    rows = await tx.rows(found.order_by(row.customer_id, row.other).limit(LOOK))
    last = [str(one) for one in rows[-1]] if len(rows) == LOOK else None
    return Seen({(one, other) for one, other in rows}, last)


async def profiles(tx: Tx, customers: Iterable[uuid.UUID]) -> list[Mapping[str, Any]]:
    """What of these customers is compared, for `duplicates.Profile.of`; of those whose record may be changed."""
    identifier, related = IdentifierRow, Relationship
    reached = select(identifier.kind + " " + identifier.value).where(
        identifier.customer_id == Customer.id, identifier.kind.in_(("phone", "email")), ~identifier.suspect
    )
    places = select(text(PLACE)).select_from(Address).where(Address.customer_id == Customer.id, text(PLACED))
    family = select(related.other).where(related.customer_id == Customer.id, related.kind.in_(FAMILY))
    names = ("id", "kind", "display_name", "given_name", "family_name", "reading", "gender", "suspect")
    days = ("birth_month", "birth_day", "birth_year")
    lists = {"reached": reached, "addresses": places, "family": family}
    found = select(
        *(Customer.__table__.c[name] for name in (*names, *days)),
        *(func.array(one.correlate(Customer).scalar_subquery()).label(name) for name, one in lists.items()),
    ).where(Customer.id == any_(literal(sorted(set(customers)), ARRAY(Uuid))), editable())
    return [row._mapping for row in await tx.rows(found)]  # noqa: SLF001  the documented way to a row's names


async def locked_pairs(tx: Tx, pairs: Iterable[Pair]) -> set[Pair]:
    """Those of the pairs of which both records may be changed, and nobody merges or decides on one of them now."""
    wanted = set(pairs)
    ids = sorted({one for pair in wanted for one in pair})
    found = select(Customer.id).where(Customer.id == any_(literal(ids, ARRAY(Uuid))), editable()).order_by(Customer.id)
    there = {row.id for row in await tx.rows(found.with_for_update(read=True))}
    return {pair for pair in wanted if there.issuperset(pair)}


async def known_pairs(tx: Tx, pairs: Iterable[Pair]) -> dict[Pair, Mapping[str, Any]]:
    """What is stored of each of these pairs: version, status, score, reasons, refused, decided_at."""
    rows = [{"one": str(one), "other": str(other)} for one, other in pairs]
    given, row = recordset(rows, "given", one=Uuid(), other=Uuid()), DuplicateCandidate
    columns = [row.__table__.c[name] for name in ("customer_id", "other", "version", "status", "score",
                                                  "reasons", "refused", "decided_at")]  # fmt: skip
    found = select(*columns).join(given, (row.customer_id == given.c.one) & (row.other == given.c.other))
    return {(one.customer_id, one.other): one._mapping for one in await tx.rows(found)}  # noqa: SLF001  (same)


async def sides(tx: Tx, pair_id: uuid.UUID) -> Pair | None:
    """The two customers of a pair, in the order of their ids, if the caller may see both."""
    row, seen = DuplicateCandidate, visible_to(tx.caller)
    found = select(row.customer_id, row.other).where(row.id == pair_id, row.customer_id < row.other)
    for side in (row.customer_id, row.other):
        found = found.where(select(Customer.id).where(Customer.id == side, seen).correlate(row).exists())
    rows = await tx.rows(found)
    return (rows[0].customer_id, rows[0].other) if rows else None


_CHANGED = ("customer.created", "customer.updated", "customer.merged", "customer.unmerged", "address.updated",
            "relationship.updated")  # fmt: skip
_NEWS = text(
    f"""
SELECT DISTINCT customer_id, CAST(NULL AS uuid) AS other, CAST(NULL AS text) AS kind FROM events
WHERE sequence > :after AND sequence <= :upto AND type IN {_CHANGED}
UNION
SELECT customer_id, (data->>'holder')::uuid, data->>'kind' FROM events
WHERE sequence > :after AND sequence <= :upto AND type = 'identifier.refused'
"""  # noqa: S608  (same)
)


@dataclass(frozen=True, slots=True)
class News:
    """What the feed says: customers who have changed, and kinds of identifiers that were refused, by pair."""

    changed: set[uuid.UUID]
    refused: dict[Pair, set[str]]


async def news(tx: Tx, after: int, upto: int) -> News:
    """What the events in (after, upto] of the feed say."""
    found = News(set(), {})
    for row in await tx.rows(_NEWS, {"after": after, "upto": upto}):
        if row.other is None:
            found.changed.add(row.customer_id)
        elif row.other != row.customer_id:
            pair = min(row.customer_id, row.other), max(row.customer_id, row.other)
            found.refused.setdefault(pair, set()).add(row.kind)
    return found
