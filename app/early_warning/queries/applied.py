"""Which settings of a rule apply to each customer: the most specific that were set for the customer.

Those of the customer, else of a segment, else of the grade, else of the company. Of several segments the one of the
highest priority counts, and of equal ones the one that was set first. Who is in a segment is as it was looked up last
(`warning_override_members`), so that judging a customer asks no segment.
"""

from app.early_warning.queries.parts import Part, Parts, Scope
from app.early_warning.rules import KINDS, RULES, SEVERITY_RANK, Handling, Kind

_COMPANY = "'00000000-0000-0000-0000-000000000000'::uuid"


def applied(kind: Kind, scope: Scope) -> Parts:
    """Parts up to `rule`: per customer of the scope the settings, and in `applies` for whom they were set."""
    return _variants(kind, scope), _chosen(kind, scope), _RULE


def _columns(kind: Kind) -> str:
    """The settings as columns: as they were set, or as usual."""
    columns = []
    for name, usual in RULES[kind]().model_dump(exclude={"handling"}).items():
        given = f"(given.settings->>'{name}')"
        if isinstance(usual, bool):
            columns.append(f"coalesce({given}::boolean, {str(usual).lower()}) AS {name}")
        elif isinstance(usual, list):
            listed = ", ".join(f"'{one}'" for one in usual)
            columns.append(
                f"""CASE WHEN given.settings ? '{name}'
                THEN ARRAY(SELECT jsonb_array_elements_text(given.settings->'{name}'))
                ELSE ARRAY[{listed}]::text[] END AS {name}"""
            )
        else:
            columns.append(f"coalesce({given}::int, {'NULL' if usual is None else usual}) AS {name}")
    return ", ".join(columns)


def _variants(kind: Kind, scope: Scope) -> Part:
    return (
        "variant",
        f"""
  SELECT given.id AS variant_id, {_columns(kind)},
         CASE WHEN given.key IS NULL THEN jsonb_build_object('by', given.by)
              ELSE jsonb_build_object('by', given.by, given.by, given.key) END AS applies
  FROM (
    SELECT {_COMPANY} AS id, 'default' AS by, NULL::text AS key,
           (SELECT settings FROM warning_rules WHERE kind = '{kind}') AS settings
    UNION ALL
    SELECT o.id, o.by, o.key, o.settings FROM warning_overrides o WHERE o.kind = '{kind}'
    UNION ALL
    SELECT o.id, 'customer', NULL, o.settings
    FROM scope s JOIN customer_warning_rules o ON o.customer_id = s.customer_id AND o.kind = '{kind}'
      {scope.also("o.customer_id")}
  ) given""",
    )


def _chosen(kind: Kind, scope: Scope) -> Part:
    # Else the grade of each customer of a stretch is read although no rule is set for any.
    some = f"AND EXISTS (SELECT FROM warning_overrides g WHERE g.kind = '{kind}' AND g.by = 'grade')"
    return (
        "chosen",
        f"""
  SELECT DISTINCT ON (found.customer_id) found.customer_id, found.id FROM (
    SELECT o.customer_id, o.id, 1 AS place, 0 AS priority, o.set_at
    FROM scope s JOIN customer_warning_rules o ON o.customer_id = s.customer_id AND o.kind = '{kind}'
      {scope.also("o.customer_id")}
    UNION ALL
    SELECT m.customer_id, o.id, 2, o.priority, o.set_at
    FROM warning_overrides o JOIN warning_override_members m ON m.override_id = o.id
    JOIN scope s ON s.customer_id = m.customer_id{scope.also("m.customer_id")}
    WHERE o.kind = '{kind}' AND o.by = 'segment'
    UNION ALL
    SELECT c.id, o.id, 3, 0, o.set_at
    FROM warning_overrides o JOIN customers c ON c.grade = o.key
    JOIN scope s ON s.customer_id = c.id{scope.also("c.id")}
    WHERE o.kind = '{kind}' AND o.by = 'grade' {some if scope.low else ""}
  ) found ORDER BY found.customer_id, found.place, found.priority DESC, found.set_at, found.id""",
    )


_RULE: Part = (
    "rule",
    f"""
  SELECT s.customer_id, v.* FROM scope s LEFT JOIN chosen c ON c.customer_id = s.customer_id
  JOIN variant v ON v.variant_id = coalesce(c.id, {_COMPANY})""",
)


def _handling() -> str:
    """Per kind of warning whose it is and how long there is for it: `rules.Handling`, as it was set, or as usual."""
    columns = []
    for name, usual in Handling().model_dump().items():
        given = f"r.settings->'handling'->>'{name}'"
        columns.append(f"{given} AS {name}" if usual is None else f"coalesce(({given})::int, {usual}) AS {name}")
    kinds = ", ".join(f"('{kind}')" for kind in KINDS)
    found = f"(VALUES {kinds}) k (kind) LEFT JOIN warning_rules r ON r.kind = k.kind"
    return f"SELECT k.kind, {', '.join(columns)} FROM {found}"


# The company's: whose a warning is follows from the customer, not from the rule that raised it.
HANDLING: Part = ("handling", _handling())


def due(severity: str) -> str:
    """SQL of the moment by which a warning is to be resolved that comes now, from the row `h` of HANDLING."""
    hours = " ".join(f"WHEN '{one}' THEN h.{one}_hours" for one in SEVERITY_RANK)
    return f"CAST(:now AS timestamptz) + make_interval(hours => CASE {severity} {hours} END)"
