"""What a database looks like, as a set of lines that can be compared: see `snapshot`."""

from __future__ import annotations

from sqlalchemy import Connection, text

from tests.sweeping import NOTED

# Left out: partitions (made by a job as time passes), what an extension brings, and alembic's own table.
_OURS = """
  n.nspname = current_schema()
  AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = {oid} AND d.deptype = 'e')
"""
_TABLE = f"{_OURS.format(oid='t.oid')} AND NOT t.relispartition AND t.relname <> 'alembic_version'"
_FROM_TABLE = "pg_class t JOIN pg_namespace n ON n.oid = t.relnamespace"

QUERIES = {
    "table": f"""
        SELECT t.relname, t.relkind::text, t.relpersistence::text, pg_get_partkeydef(t.oid), t.reloptions::text
        FROM {_FROM_TABLE} WHERE t.relkind IN ('r', 'p', 'v', 'm', 'f') AND {_TABLE}""",
    "column": f"""
        SELECT t.relname, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull,
               pg_get_expr(d.adbin, d.adrelid), a.attidentity::text, a.attgenerated::text
        FROM {_FROM_TABLE} JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum > 0 AND NOT a.attisdropped
        LEFT JOIN pg_attrdef d ON d.adrelid = t.oid AND d.adnum = a.attnum
        WHERE t.relkind IN ('r', 'p', 'f') AND {_TABLE}""",
    "constraint": f"""
        SELECT t.relname, c.conname, pg_get_constraintdef(c.oid), c.convalidated
        FROM {_FROM_TABLE} JOIN pg_constraint c ON c.conrelid = t.oid WHERE c.contype <> 'n' AND {_TABLE}""",
    "index": f"""
        SELECT t.relname, pg_get_indexdef(i.indexrelid), i.indisvalid
        FROM {_FROM_TABLE} JOIN pg_index i ON i.indrelid = t.oid WHERE {_TABLE}""",
    "trigger": f"""
        SELECT t.relname, pg_get_triggerdef(g.oid)
        FROM {_FROM_TABLE} JOIN pg_trigger g ON g.tgrelid = t.oid AND NOT g.tgisinternal AND g.tgname <> '{NOTED}'
        WHERE {_TABLE}""",
    "sequence": f"""
        SELECT t.relname, s.seqtypid::regtype::text, s.seqincrement, s.seqmax, s.seqcycle
        FROM {_FROM_TABLE} JOIN pg_sequence s ON s.seqrelid = t.oid WHERE {_TABLE}""",
    "function": f"""
        SELECT pg_get_functiondef(p.oid) FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
        WHERE p.prokind IN ('f', 'p') AND {_OURS.format(oid="p.oid")}""",
    "type": f"""
        SELECT y.typname, y.typtype::text, (SELECT string_agg(e.enumlabel, ',' ORDER BY e.enumsortorder)
                                            FROM pg_enum e WHERE e.enumtypid = y.oid)
        FROM pg_type y JOIN pg_namespace n ON n.oid = y.typnamespace
        WHERE y.typtype IN ('d', 'e') AND {_OURS.format(oid="y.oid")}""",
}


def snapshot(connection: Connection) -> set[str]:
    """One line per table, column, constraint, index, trigger, sequence, function and type of the schema."""
    lines = set()
    for kind, query in QUERIES.items():
        for row in connection.execute(text(query)):
            lines.add(" | ".join([kind, *(" ".join(str(cell).split()) for cell in row if cell not in (None, ""))]))
    return lines


def extensions(connection: Connection) -> list[str]:
    """Names of the extensions in this database, without the one every database has."""
    query = "SELECT extname FROM pg_extension WHERE extname <> 'plpgsql' ORDER BY extname"
    return list(connection.execute(text(query)).scalars())


def difference(left: set[str], right: set[str]) -> str:
    """What only one of two snapshots has, sorted so that the two sides of a change stand together."""
    marked = [(line, "-") for line in left - right] + [(line, "+") for line in right - left]
    return "\n".join(f"{mark} {line}" for line, mark in sorted(marked))
