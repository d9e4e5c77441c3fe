"""Judging customers by the rules: from a set of customers to what is to be done about the warnings of each.

A statement is a chain of named parts (common table expressions), each reading those before it: `scope` are the
customers, `measured` their numbers, `judged` the state that each is in, `plan` what is to be done. Parameters: `today`
(the company's day), `now`, and those of the scope.
"""

from collections.abc import Callable, Mapping

from app.credit.queries import OVERDUE as DEBT
from app.early_warning.queries.applied import applied
from app.early_warning.queries.budgeting import (
    COSTS_EVIDENCE,
    SALES_EVIDENCE,
    expense,
    planned_for,
    sales,
    spent_on,
)
from app.early_warning.queries.parts import Part, Parts, Scope, chained, narrowed
from app.early_warning.rules import HOLDING, SEVERITY, SEVERITY_RANK, STATES, Kind, State
from app.value import queries as value


def _by_state(values: Mapping[State, object], of: str) -> str:
    cases = " ".join(f"WHEN '{state}' THEN {value!r}" for state, value in values.items())
    return f"CASE {of} {cases} END"


_RANK = _by_state({state: rank for states in STATES.values() for rank, state in enumerate(states, 1)}, "j.state")
_SEVERITY = _by_state(SEVERITY, "j.state")
_SEVERITY_RANK = _by_state({state: SEVERITY_RANK[severity] for state, severity in SEVERITY.items()}, "j.state")


def _history(scope: Scope) -> Part:
    return (
        "history",
        f"""SELECT s.customer_id, f.occasions, f.first_occasion, f.last_occasion, p.source, p.r, p.alpha, p.a, p.b,
              greatest(CAST(:today AS date), f.last_occasion) - f.last_occasion AS silent,
              (f.occasions - 1)::float8 AS x, (f.last_occasion - f.first_occasion)::float8 AS recency,
              (greatest(CAST(:today AS date), f.last_occasion) - f.first_occasion)::float8 AS age
       FROM scope s
       LEFT JOIN customers c
         ON c.id = s.customer_id AND c.kind IN ('person', 'business') AND c.status NOT IN ('merged', 'erased')
         {scope.also("c.id")}
       LEFT JOIN customer_figures f ON f.customer_id = c.id AND f.first_occasion IS NOT NULL
         {scope.also("f.customer_id")}
       LEFT JOIN rhythm p ON p.kind = c.kind""",
    )


_RHYTHM_MEASURED: Part = (
    "measured",
    f"""SELECT h.*, {value.OVERDUE} AS overdue, {value.buys_within("rule.horizon_days")} AS chance,
               {value.usual_gap("rule.late_percent / 100.0::float8")} AS usual
        FROM history h JOIN rule ON rule.customer_id = h.customer_id""",
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
       FROM measured m JOIN rule ON rule.customer_id = m.customer_id""",
)
# Days. Longer gaps are no number to tell people: whoever bought once may have a usual gap without end.
_GAP_MAX = 36_500
_RHYTHM_EVIDENCE = f"""
  jsonb_build_object(
    'occasions', m.occasions, 'first_occasion', m.first_occasion, 'last_occasion', m.last_occasion,
    'silent_days', m.silent, 'usual_days', ceil(least(m.usual, {_GAP_MAX}))::bigint,
    'overdue', round(m.overdue::numeric, 4), 'chance', round(m.chance::numeric, 4),
    'horizon_days', rule.horizon_days, 'rhythm_of', m.source)"""


def _debt(scope: Scope) -> Part:
    return (
        "measured",
        f"""SELECT s.customer_id, a.balance, a.credit_limit, a.currency, debt.overdue, debt.since,
               CAST(:today AS date) - debt.since AS days
        FROM scope s
        LEFT JOIN credit_accounts a ON a.customer_id = s.customer_id{scope.also("a.customer_id")}
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
       FROM measured m JOIN rule ON rule.customer_id = m.customer_id
       UNION ALL
       SELECT m.customer_id, 'overdue', '', true, NULL,
              CASE WHEN NOT rule.enabled OR m.overdue IS NULL OR m.overdue = 0 THEN NULL
                   WHEN m.days > 90 THEN 'overdue_91' WHEN m.days > 60 THEN 'overdue_61'
                   WHEN m.days > 30 THEN 'overdue_31' ELSE 'overdue' END
       FROM measured m JOIN rule ON rule.customer_id = m.customer_id""",
)
_DEBT_EVIDENCE = """
  CASE p.subject
    WHEN 'limit' THEN jsonb_build_object('balance', m.balance, 'limit', m.credit_limit, 'currency', m.currency)
    ELSE jsonb_build_object('overdue', m.overdue, 'since', m.since, 'balance', m.balance, 'currency', m.currency) END"""

_COOLING = "l.resolved_at > CAST(:now AS timestamptz) - make_interval(days => rule.cooling_days)"
# A person's resolution stands while nothing gets worse: for a silence until it ends, for a plan or a budget until it is
# over; for what has no end of its own (a debt, a share) only while it cools.
_STANDS: dict[Kind, str] = {
    "loss": "true", "credit": _COOLING, "sales_progress": "true",
    "sales_expense": f"(j.subject <> 'cost_share' OR {_COOLING})",
}  # fmt: skip
# What was promised to be paid by a later day stands until then.
_PROMISED = "l.promise_state IS NOT DISTINCT FROM 'open'"
# What the person has seen takes the place of the limit: owing far more than that is as bad as owing far more than this.
_OWES_MORE = f"""
  {_RANK} >= {STATES["limit"].index("over_limit") + 1}
  AND j.owed::numeric * 100 > l.accepted::numeric * rule.critical_percent"""
_RANKS_MORE = f"{_RANK} > l.rank"
_WORSE: dict[Kind, str] = {
    **dict.fromkeys(("loss", *HOLDING), _RANKS_MORE),
    "credit": f"({_RANKS_MORE} OR coalesce({_OWES_MORE}, false))",
}
# What a person resolved and is over since excuses nothing that comes next. A silence tells itself what it began with.
_SETTLED = "CASE WHEN l.resolved_by IS NOT NULL AND l.episode = j.episode THEN 'settled' END"
_OVER: dict[Kind, str] = {"loss": "NULL", **dict.fromkeys(("credit", *HOLDING), _SETTLED)}
# More of the budget was spent than the person who released the hold has seen.
_SPENT_MORE = "j.amount::numeric * 100 > h.amount::numeric * rule.again_percent"


def _last(kind: Kind, scope: Scope) -> Part:
    return (
        "last",
        f"""SELECT DISTINCT ON (w.customer_id, w.subject) w.customer_id, w.subject, w.id, w.state, w.rank,
              w.status, w.episode, w.accepted, w.resolved_at, w.resolved_by, w.promise_state
       FROM scope s JOIN warnings w ON w.customer_id = s.customer_id AND w.kind = '{kind}'
         {scope.also("w.customer_id")}
       ORDER BY w.customer_id, w.subject, w.status = 'resolved', w.resolved_at DESC, w.opened_at DESC, w.id DESC""",
    )


def _plan(kind: Kind) -> Part:
    held = _holds(kind) if kind in HOLDING else "false"
    return (
        "plan",
        f"""SELECT found.*, found.stops AND (found.action IN ('opened', 'changed', 'reopened')
              OR (found.action IS NULL AND found.live)) AS holds
       FROM (
         SELECT j.*, {_RANK} AS rank, {_SEVERITY} AS severity, {_SEVERITY_RANK} AS severity_rank,
              l.id AS warning_id, coalesce(l.status <> 'resolved', false) AS live, {held} AS stops,
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
         FROM judged j JOIN rule ON rule.customer_id = j.customer_id
         LEFT JOIN last l ON l.customer_id = j.customer_id AND l.subject = j.subject
         WHERE j.state IS NOT NULL OR l.id IS NOT NULL
       ) found""",
    )


def _holds(kind: Kind) -> str:
    """Whether the state stops sales and nothing does so yet, nor has somebody let them go on in spite of it."""
    more = f"NOT coalesce({_SPENT_MORE}, false)" if kind == "sales_expense" else "true"
    return f"""coalesce(j.state = ANY (rule.hold_on), false) AND NOT EXISTS (
                SELECT FROM holds h WHERE h.customer_id = j.customer_id AND h.rule = '{kind}' AND h.about = j.subject
                  AND (h.released_at IS NULL OR (h.episode = j.episode AND h.rank >= {_RANK} AND {more})))"""


def _acting(kind: Kind) -> Part:
    same = "AND m.subject = p.subject" if kind in HOLDING else ""
    return (
        "acting",
        f"""SELECT p.*, {_EVIDENCE[kind]} || jsonb_build_object('rule', rule.applies) AS evidence
       FROM plan p JOIN measured m ON m.customer_id = p.customer_id {same}
       JOIN rule ON rule.customer_id = p.customer_id WHERE p.action IS NOT NULL OR p.holds""",
    )


_EVIDENCE: dict[Kind, str] = {
    "loss": _RHYTHM_EVIDENCE, "credit": f"({_DEBT_EVIDENCE})", "sales_progress": SALES_EVIDENCE,
    "sales_expense": f"({COSTS_EVIDENCE})",
}  # fmt: skip
_JUDGING: dict[Kind, Callable[[Scope], Parts]] = {
    "loss": lambda scope: (value.RHYTHM, _history(scope), _RHYTHM_MEASURED, _RHYTHM_JUDGED),
    "credit": lambda scope: (_debt(scope), _DEBT_JUDGED),
    "sales_progress": sales,
    "sales_expense": expense,
}


def _judged(kind: Kind, scope: Scope) -> Parts:
    return (*_NARROWED[kind](scope), *applied(kind, scope), *_JUDGING[kind](scope))


def _indebted(scope: Scope) -> Parts:
    """Who has an account, or had a warning."""
    return narrowed(scope, "credit", f"SELECT a.customer_id {scope.among('everybody', 'credit_accounts', 'a')}")


_NARROWED: dict[Kind, Callable[[Scope], Parts]] = {
    "loss": lambda scope: (scope.part,), "credit": _indebted, "sales_progress": planned_for, "sales_expense": spent_on,
}  # fmt: skip


def planned(kind: Kind, scope: Scope) -> Parts:
    """The chain up to `plan`: per customer and subject the state, and in `action` what is to be done, if anything."""
    return (*_judged(kind, scope), _last(kind, scope), _plan(kind))


def acting(kind: Kind, scope: Scope) -> Parts:
    """The chain up to `acting`: what is to be done, with the evidence."""
    return (*planned(kind, scope), _acting(kind))


def to_do(kind: Kind, scope: Scope) -> str:
    """A SELECT of the customers of a scope about whose warnings there is something to do, in the order of ids."""
    found = "SELECT DISTINCT customer_id FROM plan WHERE action IS NOT NULL OR holds ORDER BY customer_id"
    return chained(planned(kind, scope), found)


def stands(kind: Kind, scope: Scope) -> str:
    """A SELECT of how customers stand with what the rule of a kind looks at: `subject`, `episode`, `rank`, `amount`."""
    found = f"SELECT j.customer_id, j.subject, j.episode, coalesce({_RANK}, 0) AS rank, j.amount FROM judged j"
    return chained(_judged(kind, scope), found)
