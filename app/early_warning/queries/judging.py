"""Judging customers by the rules: from a set of customers to what is to be done about the warnings of each.

A statement is a chain of named parts (common table expressions), each reading those before it: `scope` are the
customers, `measured` their numbers, `judged` the state that each is in, `plan` what is to be done. Parameters: `today`
(the company's day), `now`, and those of the scope.
"""

from collections.abc import Iterable, Mapping

from app.credit.queries import OVERDUE as DEBT
from app.early_warning.rules import KINDS, RULES, SEVERITY, SEVERITY_RANK, STATES, Handling, Kind, State
from app.value import queries as value

Part = tuple[str, str]
Parts = tuple[Part, ...]

# Scopes: customers by their ids, a stretch of all customers, and those of some customers whose silence was warned of.
BY_ID: Part = ("scope", "SELECT DISTINCT unnest(CAST(CAST(:customers AS text) AS uuid[])) AS customer_id")
STRETCH: Part = ("scope", "SELECT c.id AS customer_id FROM customers c WHERE c.id > :after AND c.id <= :upto")
WARNED: Part = (
    "scope",
    """SELECT DISTINCT w.customer_id FROM warnings w
       WHERE w.customer_id = ANY (CAST(CAST(:customers AS text) AS uuid[])) AND w.kind = 'loss'
         AND w.status <> 'resolved'""",
)


def _rule(kind: Kind) -> Part:
    """The settings of a rule in one row: as they were set, or as usual."""
    columns = []
    for name, usual in RULES[kind]().model_dump(exclude={"handling"}).items():
        given = f"(given.settings->>'{name}')"
        if isinstance(usual, bool):
            columns.append(f"coalesce({given}::boolean, {str(usual).lower()}) AS {name}")
        else:
            columns.append(f"coalesce({given}::int, {'NULL' if usual is None else usual}) AS {name}")
    found = f"(SELECT settings FROM warning_rules WHERE kind = '{kind}') AS settings"
    return "rule", f"SELECT {', '.join(columns)} FROM (SELECT {found}) given"


def _handling() -> str:
    """Per kind of warning whose it is and how long there is for it: `rules.Handling`, as it was set, or as usual."""
    columns = []
    for name, usual in Handling().model_dump().items():
        given = f"r.settings->'handling'->>'{name}'"
        columns.append(f"{given} AS {name}" if usual is None else f"coalesce(({given})::int, {usual}) AS {name}")
    kinds = ", ".join(f"('{kind}')" for kind in KINDS)
    found = f"(VALUES {kinds}) k (kind) LEFT JOIN warning_rules r ON r.kind = k.kind"
    return f"SELECT k.kind, {', '.join(columns)} FROM {found}"


HANDLING: Part = ("handling", _handling())


def due(severity: str) -> str:
    """SQL of the moment by which a warning is to be resolved that comes now, from the row `h` of HANDLING."""
    hours = " ".join(f"WHEN '{one}' THEN h.{one}_hours" for one in SEVERITY_RANK)
    return f"CAST(:now AS timestamptz) + make_interval(hours => CASE {severity} {hours} END)"


def _by_state(values: Mapping[State, object], of: str) -> str:
    cases = " ".join(f"WHEN '{state}' THEN {value!r}" for state, value in values.items())
    return f"CASE {of} {cases} END"


_RANK = _by_state({state: rank for states in STATES.values() for rank, state in enumerate(states, 1)}, "j.state")
_SEVERITY = _by_state(SEVERITY, "j.state")
_SEVERITY_RANK = _by_state({state: SEVERITY_RANK[severity] for state, severity in SEVERITY.items()}, "j.state")

_HISTORY: Part = (
    "history",
    """SELECT s.customer_id, f.occasions, f.first_occasion, f.last_occasion, p.source, p.r, p.alpha, p.a, p.b,
              greatest(CAST(:today AS date), f.last_occasion) - f.last_occasion AS silent,
              (f.occasions - 1)::float8 AS x, (f.last_occasion - f.first_occasion)::float8 AS recency,
              (greatest(CAST(:today AS date), f.last_occasion) - f.first_occasion)::float8 AS age
       FROM scope s
       LEFT JOIN customers c
         ON c.id = s.customer_id AND c.kind IN ('person', 'business') AND c.status NOT IN ('merged', 'erased')
       LEFT JOIN customer_figures f ON f.customer_id = c.id AND f.first_occasion IS NOT NULL
       LEFT JOIN rhythm p ON p.kind = c.kind""",
)
_RHYTHM_MEASURED: Part = (
    "measured",
    f"""SELECT h.*, {value.OVERDUE} AS overdue, {value.buys_within("rule.horizon_days")} AS chance,
               {value.usual_gap("rule.late_percent / 100.0::float8")} AS usual
        FROM history h CROSS JOIN rule""",
)
_RHYTHM_JUDGED: Part = (
    "judged",
    """SELECT m.customer_id, 'rhythm' AS subject, coalesce(m.last_occasion::text, '') AS episode,
              m.silent - m.usual <= rule.silent_days AS fresh,
              CASE WHEN NOT rule.enabled OR m.occasions IS NULL OR m.occasions < rule.occasions THEN NULL
                   WHEN m.overdue * 100 < rule.risk_percent OR m.chance * 100 >= rule.risk_chance_percent
                     THEN CASE WHEN m.overdue * 100 >= rule.late_percent THEN 'late' END
                   WHEN m.chance * 100 < rule.lost_chance_percent THEN 'lost'
                   ELSE 'at_risk' END AS state
       FROM measured m CROSS JOIN rule""",
)
# Days. Longer gaps are no number to tell people: whoever bought once may have a usual gap without end.
_GAP_MAX = 36_500
_RHYTHM_EVIDENCE = f"""
  jsonb_build_object(
    'occasions', m.occasions, 'first_occasion', m.first_occasion, 'last_occasion', m.last_occasion,
    'silent_days', m.silent, 'usual_days', ceil(least(m.usual, {_GAP_MAX}))::bigint,
    'overdue', round(m.overdue::numeric, 4), 'chance', round(m.chance::numeric, 4),
    'horizon_days', rule.horizon_days, 'rhythm_of', m.source)"""

_DEBT_MEASURED: Part = (
    "measured",
    f"""SELECT s.customer_id, a.balance, a.credit_limit, a.currency, debt.overdue, debt.since,
               CAST(:today AS date) - debt.since AS days
        FROM scope s
        LEFT JOIN credit_accounts a ON a.customer_id = s.customer_id
        LEFT JOIN LATERAL ({DEBT}) AS debt ON a.customer_id IS NOT NULL""",
)
# Compared as numeric: a hundred times a large balance does not fit 64 bits.
_DEBT_JUDGED: Part = (
    "judged",
    """SELECT m.customer_id, 'limit' AS subject, '' AS episode, true AS fresh, m.balance AS owed,
              CASE WHEN NOT rule.enabled OR m.balance IS NULL OR m.balance <= 0 THEN NULL
                   WHEN m.balance > m.credit_limit
                     THEN CASE WHEN m.balance::numeric * 100 > m.credit_limit::numeric * rule.critical_percent
                               THEN 'far_over_limit' ELSE 'over_limit' END
                   WHEN m.balance::numeric * 100 >= m.credit_limit::numeric * rule.notice_percent THEN 'near_limit'
              END AS state
       FROM measured m CROSS JOIN rule
       UNION ALL
       SELECT m.customer_id, 'overdue', '', true, NULL,
              CASE WHEN NOT rule.enabled OR m.overdue IS NULL OR m.overdue = 0 THEN NULL
                   WHEN m.days > 90 THEN 'overdue_91' WHEN m.days > 60 THEN 'overdue_61'
                   WHEN m.days > 30 THEN 'overdue_31' ELSE 'overdue' END
       FROM measured m CROSS JOIN rule""",
)
_DEBT_EVIDENCE = """
  CASE p.subject
    WHEN 'limit' THEN jsonb_build_object('balance', m.balance, 'limit', m.credit_limit, 'currency', m.currency)
    ELSE jsonb_build_object('overdue', m.overdue, 'since', m.since, 'balance', m.balance, 'currency', m.currency) END"""

_COOLING = "l.resolved_at > CAST(:now AS timestamptz) - make_interval(days => rule.cooling_days)"
# A person's resolution stands while nothing gets worse: for a silence until it ends, for a debt too, while it cools.
_STANDS = {"loss": "true", "credit": _COOLING}
# What was promised to be paid by a later day stands until then.
_PROMISED = "l.promise_state IS NOT DISTINCT FROM 'open'"
# What the person has seen takes the place of the limit: owing far more than that is as bad as owing far more than this.
_OWES_MORE = f"""
  {_RANK} >= {STATES["limit"].index("over_limit") + 1}
  AND j.owed::numeric * 100 > l.accepted::numeric * rule.critical_percent"""
_WORSE = {"loss": f"{_RANK} > l.rank", "credit": f"({_RANK} > l.rank OR coalesce({_OWES_MORE}, false))"}
# What a person resolved and is over since excuses nothing that comes next. A silence tells itself what it began with.
_OVER = {
    "loss": "NULL",
    "credit": "CASE WHEN l.resolved_by IS NOT NULL AND l.episode = j.episode THEN 'settled' END",
}


def _last(kind: Kind) -> Part:
    return (
        "last",
        f"""SELECT DISTINCT ON (w.customer_id, w.subject) w.customer_id, w.subject, w.id, w.state, w.rank,
              w.status, w.episode, w.accepted, w.resolved_at, w.resolved_by, w.promise_state
       FROM scope s JOIN warnings w ON w.customer_id = s.customer_id AND w.kind = '{kind}'
       ORDER BY w.customer_id, w.subject, w.status = 'resolved', w.opened_at DESC, w.resolved_at DESC, w.id DESC""",
    )


def _plan(kind: Kind) -> Part:
    return (
        "plan",
        f"""SELECT j.*, {_RANK} AS rank, {_SEVERITY} AS severity, {_SEVERITY_RANK} AS severity_rank,
              l.id AS warning_id,
              CASE
                WHEN l.status <> 'resolved' THEN
                  CASE WHEN j.state IS NULL THEN 'resolved'
                       WHEN j.state <> l.state OR j.episode <> l.episode THEN 'changed' END
                WHEN j.state IS NULL THEN {_OVER[kind]}
                WHEN NOT j.fresh THEN NULL
                WHEN l.resolved_by IS NOT NULL AND NOT {_WORSE[kind]} AND j.episode = l.episode
                  AND ({_STANDS[kind]} OR {_PROMISED}) THEN NULL
                WHEN {_COOLING} OR {_PROMISED} THEN 'reopened'
                ELSE 'opened'
              END AS action
       FROM judged j CROSS JOIN rule
       LEFT JOIN last l ON l.customer_id = j.customer_id AND l.subject = j.subject""",
    )


def _acting(kind: Kind) -> Part:
    return (
        "acting",
        f"""SELECT p.*, {_EVIDENCE[kind]} AS evidence
       FROM plan p JOIN measured m ON m.customer_id = p.customer_id CROSS JOIN rule WHERE p.action IS NOT NULL""",
    )


_EVIDENCE = {"loss": _RHYTHM_EVIDENCE, "credit": _DEBT_EVIDENCE}
_JUDGING: dict[Kind, Parts] = {
    "loss": (_rule("loss"), value.RHYTHM, _HISTORY, _RHYTHM_MEASURED, _RHYTHM_JUDGED),
    "credit": (_rule("credit"), _DEBT_MEASURED, _DEBT_JUDGED),
}


def planned(kind: Kind, scope: Part) -> Parts:
    """The chain up to `plan`: per customer and subject the state, and in `action` what is to be done, if anything."""
    return (scope, *_JUDGING[kind], _last(kind), _plan(kind))


def acting(kind: Kind, scope: Part) -> Parts:
    """The chain up to `acting`: what is to be done, with the evidence."""
    return (*planned(kind, scope), _acting(kind))


def chained(parts: Iterable[Part], final: str) -> str:
    """One statement of the chain and what follows it. Each part is computed once."""
    return "WITH " + ",\n".join(f"{name} AS MATERIALIZED (\n{body}\n)" for name, body in parts) + "\n" + final


def to_do(kind: Kind, scope: Part) -> str:
    """A SELECT of the customers of a scope about whose warnings there is something to do, in the order of ids."""
    found = "SELECT DISTINCT customer_id FROM plan WHERE action IS NOT NULL ORDER BY customer_id"
    return chained(planned(kind, scope), found)
