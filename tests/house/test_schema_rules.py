"""The schema rules of the design, read off the catalogue: one schema on plain PostgreSQL and on a distributed one.

Each table is one of four kinds. A customer's table is the default and carries `customer_id`, the distribution key, in
every key. The other kinds are listed here with their reason; a new table that is in no list must be a customer's table.
"""

from __future__ import annotations

import hashlib
import re
from collections import defaultdict
from typing import Any, NamedTuple

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from tests.sweeping import NOTED

# Keyed by their own value, written in the same transaction, without a foreign key to customers: they find the customer.
LOOKUPS = {"identifiers", "receipt_numbers", "idempotency_keys", "search_terms"}

# Small, the same for everybody, copied to every node.
REFERENCE = {
    "stores", "tills", "products", "categories", "segments", "segment_versions", "custom_attributes", "weekday_shapes",
    "places", "warning_overrides",
}  # fmt: skip

# Plain tables on one node: queues, leases, the company's own records, and the feed after the sequencer.
LOCAL = {
    *("api_keys", "audit_entries", "events", "feed_state", "jobs", "imports", "import_chunks", "import_faults"),
    *("model_fits", "warning_rules", "follow_up_rules", "follow_up_state", "duplicate_state", "handovers"),
    *("erasure_state", "segment_snapshots", "segment_exports", "segment_export_portions", "kept_segments"),
    *("opportunity_rules", "opportunity_state", "warning_follower", "warning_state"),
}

# The outbox takes its order number after the subject's row is locked: the only sequence.
SEQUENCES = {"outbox_order"}

TYPES = {
    *("boolean", "smallint", "integer", "bigint", "numeric", "double precision", "text", "uuid", "date"),
    *("time without time zone", "timestamp with time zone", "jsonb", "bytea"),
}
INEXACT = {"numeric", "double precision"}


class Constraint(NamedTuple):
    """One constraint or unique index, with its columns in order."""

    table: str
    name: str
    kind: str
    columns: list[str]
    refers: str | None
    refers_columns: list[str]
    definition: str


IS_OURS = """
  t.relnamespace = current_schema()::regnamespace AND NOT t.relispartition AND t.relname <> 'alembic_version'
  AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = t.oid AND d.deptype = 'e')
"""

COLUMNS = f"""
  SELECT t.relname AS table, a.attname AS name, format_type(a.atttypid, NULL) AS type,
         format_type(a.atttypid, a.atttypmod) AS full_type, a.attidentity::text AS identity,
         pg_get_expr(d.adbin, d.adrelid) AS default
  FROM pg_class t JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum > 0 AND NOT a.attisdropped
  LEFT JOIN pg_attrdef d ON d.adrelid = t.oid AND d.adnum = a.attnum
  WHERE t.relkind IN ('r', 'p') AND {IS_OURS}
"""

CONSTRAINTS = f"""
  SELECT t.relname AS table, c.conname AS name, c.contype::text AS kind,
         ARRAY(SELECT a.attname::text FROM unnest(c.conkey) WITH ORDINALITY k(number, place)
               JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = k.number ORDER BY k.place) AS columns,
         r.relname AS refers,
         ARRAY(SELECT a.attname::text FROM unnest(c.confkey) WITH ORDINALITY k(number, place)
               JOIN pg_attribute a ON a.attrelid = r.oid AND a.attnum = k.number ORDER BY k.place) AS refers_columns,
         pg_get_constraintdef(c.oid) AS definition
  FROM pg_class t JOIN pg_constraint c ON c.conrelid = t.oid LEFT JOIN pg_class r ON r.oid = c.confrelid
  WHERE c.contype <> 'n' AND {IS_OURS}
"""

# Indexes that are no constraint's: unique ones keep the rules of constraints, all of them keep the rules of names.
INDEXES = f"""
  SELECT t.relname AS table, x.relname AS name, CASE WHEN i.indisunique THEN 'u' ELSE 'i' END AS kind,
         ARRAY(SELECT coalesce(a.attname::text, '') FROM unnest(i.indkey::int2[]) WITH ORDINALITY k(number, place)
               LEFT JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = k.number AND k.number > 0
               WHERE k.place <= i.indnkeyatts ORDER BY k.place) AS columns,
         NULL AS refers, ARRAY[]::text[] AS refers_columns, pg_get_indexdef(i.indexrelid) AS definition
  FROM pg_class t JOIN pg_index i ON i.indrelid = t.oid JOIN pg_class x ON x.oid = i.indexrelid
  WHERE NOT EXISTS (SELECT FROM pg_constraint c WHERE c.conindid = i.indexrelid AND c.contype IN ('p', 'u', 'x'))
    AND {IS_OURS}
"""


@pytest.fixture
async def columns(migrated: AsyncConnection) -> list[Any]:
    return list((await migrated.execute(text(COLUMNS))).all())


@pytest.fixture
async def constraints(migrated: AsyncConnection) -> list[Constraint]:
    return [Constraint(*row) for row in (await migrated.execute(text(CONSTRAINTS))).all()]


@pytest.fixture
async def indexes(migrated: AsyncConnection) -> list[Constraint]:
    return [Constraint(*row) for row in (await migrated.execute(text(INDEXES))).all()]


@pytest.fixture
def of_customers(columns) -> set[str]:
    """The tables of a customer's data."""
    return {column.table for column in columns} - LOOKUPS - REFERENCE - LOCAL


def customer_key(table: str) -> set[str]:
    """In the customers' own table the id is the customer's id."""
    return {"customer_id", "id"} if table == "customers" else {"customer_id"}


def test_every_table_is_of_a_known_kind(columns, of_customers):
    tables = defaultdict(set)
    for column in columns:
        tables[column.table].add(column.name)
    stray = {name for name in of_customers if not customer_key(name) & tables[name]}
    assert not stray, f"no customer_id: give it one, or list it as look-up, reference or local with a reason: {stray}"
    absent = (LOOKUPS | REFERENCE | LOCAL) - set(tables)
    assert not absent, f"listed here but not in the database: {absent}"


def test_every_key_of_a_customers_table_has_the_customer(constraints, indexes, of_customers):
    keyed = {constraint.table for constraint in constraints if constraint.kind == "p"}
    assert not of_customers - keyed, "a table without a primary key"
    without = [
        f"{constraint.table}.{constraint.name}"
        for constraint in [*constraints, *indexes]
        if constraint.table in of_customers and constraint.kind in {"p", "u", "x"}
        if not customer_key(constraint.table) & set(constraint.columns)
    ]
    assert not without, (
        f"unique only within one customer: add customer_id to the key, or use a look-up table: {without}"
    )


def test_foreign_keys_stay_with_the_customer_or_go_to_reference_tables(constraints, of_customers):
    wrong = []
    for constraint in constraints:
        if constraint.kind != "f" or constraint.refers is None:
            continue
        pairs = set(zip(constraint.columns, constraint.refers_columns, strict=True))
        if constraint.refers in REFERENCE:
            fine = True
        elif constraint.refers in of_customers:
            fine = constraint.table in of_customers and any(
                own in customer_key(constraint.table) and other in customer_key(constraint.refers)
                for own, other in pairs
            )
        else:
            fine = constraint.table in LOCAL and constraint.refers in LOCAL
        if not fine:
            wrong.append(f"{constraint.table}.{constraint.name}: {constraint.definition}")
    assert not wrong, f"a foreign key crosses from one customer's rows to somewhere else: {wrong}"


def test_ids_come_from_the_application(columns):
    identity = [f"{column.table}.{column.name}" for column in columns if column.identity]
    assert not identity, f"no identity columns: ids are UUIDv7 made by core.ids: {identity}"
    random = re.compile(r"uuid|random|clock_timestamp", re.IGNORECASE)
    made = [f"{column.table}.{column.name}" for column in columns if column.default and random.search(column.default)]
    assert not made, f"ids are known before the row is written: {made}"


async def test_the_only_sequence_orders_the_outbox(columns, migrated: AsyncConnection):
    serial = {f"{column.table}.{column.name}" for column in columns if "nextval(" in (column.default or "")}
    assert {name.split(".")[0] for name in serial} <= {"outbox"}, serial
    query = f"SELECT t.relname FROM pg_class t WHERE t.relkind = 'S' AND {IS_OURS}"
    assert set((await migrated.execute(text(query))).scalars()) <= SEQUENCES


async def test_nothing_happens_behind_the_statements_back(migrated: AsyncConnection):
    triggers = f"""SELECT t.relname || '.' || g.tgname FROM pg_trigger g JOIN pg_class t ON t.oid = g.tgrelid
                   WHERE NOT g.tgisinternal AND g.tgname <> '{NOTED}' AND {IS_OURS}"""
    rules = f"""SELECT t.relname || '.' || r.rulename FROM pg_rewrite r JOIN pg_class t ON t.oid = r.ev_class
                WHERE t.relkind IN ('r', 'p') AND {IS_OURS}"""
    for query in (triggers, rules):
        assert list((await migrated.execute(text(query))).scalars()) == []


def test_no_foreign_key_changes_rows_by_itself(constraints):
    """A cascade is an update or delete that no command, audit row or event knows of."""
    cascading = [
        f"{constraint.table}.{constraint.name}"
        for constraint in constraints
        if constraint.kind == "f" and re.search(r"ON (UPDATE|DELETE) (CASCADE|SET)", constraint.definition)
    ]
    assert not cascading, cascading


def test_types(columns):
    odd = {
        f"{column.table}.{column.name}": column.full_type
        for column in columns
        if column.type.removesuffix("[]") not in TYPES
        or (column.full_type != column.type and "numeric" not in column.type)
    }
    assert not odd, f"text not varchar, timestamptz not timestamp, jsonb not json, whole types only: {odd}"


def test_amounts_are_whole_numbers(columns):
    """Money is in minor units; a fraction of it is a rounding error in waiting."""
    money = re.compile(r"(^|_)(gross|net|discount|tax|cost|margin|amount|price|balance|total|returns)($|_)")
    wrong = {
        f"{column.table}.{column.name}": column.type
        for column in columns
        if money.search(column.name) and not column.name.endswith(("_rate", "_share"))
        if column.type in INEXACT | {"integer", "smallint"}
    }
    assert not wrong, wrong


def test_fractions_refuse_nan(columns, constraints):
    """`numeric` and `double precision` accept NaN, which is greater than every number and poisons every sum."""
    checks = [constraint for constraint in constraints if constraint.kind == "c"]
    open_to_nan = [
        f"{column.table}.{column.name}"
        for column in columns
        if column.type in INEXACT and not any(refuses_nan(check, column.table, column.name) for check in checks)
    ]
    assert not open_to_nan, f"CHECK (column <> 'NaN'), or an upper bound, which NaN exceeds: {open_to_nan}"


def refuses_nan(check: Constraint, table: str, column: str) -> bool:
    if check.table != table or column not in check.columns:
        return False
    name = rf"\(*{re.escape(column)}\)*(::[a-z ]+)?\)*"
    return bool(re.search(rf"{name} (<>|<|<=) \(?'?-?(NaN|Infinity|[0-9])", check.definition))


def cut(name: str) -> str:
    """A name longer than PostgreSQL allows, as SQLAlchemy cuts it."""
    return (
        name if len(name) <= 63 else f"{name[:55]}_{hashlib.md5(name.encode(), usedforsecurity=False).hexdigest()[-4:]}"
    )


def test_names_follow_the_convention(constraints, indexes):
    """The error map finds a problem type by constraint name, so a name must be predictable."""
    wrong = []
    for constraint in [*constraints, *indexes]:
        joined = "_".join(constraint.columns)
        expected = {
            "p": f"pk_{constraint.table}",
            "u": f"uq_{constraint.table}_{joined}",
            "f": f"fk_{constraint.table}_{joined}_{constraint.refers}",
        }.get(constraint.kind)
        # Checks, and indexes on expressions or on a part of the table, add a word of their own.
        start = {"c": "ck", "i": "ix", "u": "uq", "x": "ex"}.get(constraint.kind)
        fine = (
            constraint.name == cut(expected) if expected else constraint.name.startswith(f"{start}_{constraint.table}_")
        )
        if constraint.name.startswith(f"ck_{constraint.table}_ck_{constraint.table}_"):
            fine, expected = (
                False,
                f'name=op.f("{constraint.name.removeprefix(f"ck_{constraint.table}_")}") in the migration',
            )
        if constraint.kind == "u" and constraint in indexes:
            fine = constraint.name.startswith(f"uq_{constraint.table}_")
        if not fine:
            wrong.append(
                f"{constraint.table}: {constraint.name}, expected {expected or f'{start}_{constraint.table}_...'}"
            )
    assert not wrong, "\n".join(wrong)


def test_every_foreign_key_can_be_followed_backwards(constraints, indexes):
    """Without an index, deleting or changing the referred row reads the whole referring table under a lock."""
    leading = defaultdict(list)
    for index in [*indexes, *(each for each in constraints if each.kind in {"p", "u"})]:
        leading[index.table].append(index.columns)
    slow = [
        f"{each.table}.{each.name}"
        for each in constraints
        if each.kind == "f" and each.refers not in REFERENCE
        if not any(set(columns[: len(each.columns)]) == set(each.columns) for columns in leading[each.table])
    ]
    assert not slow, f"an index that starts with the key's columns: {slow}"
