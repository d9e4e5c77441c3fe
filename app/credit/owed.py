"""What of a customer's charges is still owed, as SQL: the one meaning of open, overdue and ageing. Pure.

An entry below zero settles the charges that it names, as far as it names them (`receivable_allocations`), and what is
due soonest with the rest. So of a customer's charges, each less what was taken back and paid by name (`net`), what is
due last is owed first, up to the balance; and of one day what was entered last.
"""

# What falls due, and what of it was paid by name, from a day on or before it: the rest of the balance is undated.
_DUE = """
  SELECT r.due_on, r.amount FROM receivables r
  WHERE r.customer_id = a.customer_id AND r.due_on {when} CAST(:today AS date)
  UNION ALL
  SELECT n.due_on, -n.amount FROM receivable_allocations n
  WHERE n.customer_id = a.customer_id AND n.due_on {when} CAST(:today AS date)"""
# How much of an account `a` is past its due day on :today, and since when: what is not due yet is owed last, so the
# rest of the balance is overdue. A fragment: `LEFT JOIN LATERAL (...) AS debt ON true`.
OVERDUE = f"""
  SELECT late.overdue,
         CASE WHEN late.overdue > 0 THEN (
           SELECT max(past.due_on) FROM (
             SELECT d.due_on, sum(d.amount) OVER (ORDER BY d.due_on DESC) AS from_then
             FROM ({_DUE.format(when="<")}) d
           ) past WHERE past.from_then >= late.overdue) END AS since
  FROM (
    SELECT greatest(0, a.balance - coalesce(sum(d.amount), 0))::bigint AS overdue FROM ({_DUE.format(when=">=")}) d
  ) late
"""

# Each charge less what was taken back of it; of several charges for one receipt the newest are there still. `named`
# is what was paid of it by name. A table of all customers, or of :customer.
CHARGES = """
  SELECT r.customer_id, r.id, r.due_on, r.amount,
         greatest(0, least(r.amount, sum(r.amount) OVER receipt - coalesce(
           sum(greatest(0, r.amount)) OVER (receipt ORDER BY r.id DESC ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)
         , 0)))::bigint AS left_of_it,
         (SELECT coalesce(sum(n.amount), 0)::bigint FROM receivable_allocations n
          WHERE n.customer_id = r.customer_id AND n.charge_id = r.id) AS named
  FROM receivables r WHERE r.due_on IS NOT NULL {which}
  WINDOW receipt AS (PARTITION BY r.customer_id, r.due_on, coalesce(r.receipt_id, r.id))"""
_OPEN = """
SELECT c.customer_id, c.id, c.due_on, c.amount, c.named,
       greatest(0, least(c.net, a.balance - c.later))::bigint AS open
FROM (
  SELECT n.*, coalesce(sum(n.net) OVER (PARTITION BY n.customer_id ORDER BY n.due_on DESC, n.id DESC
                       ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0) AS later
  FROM (SELECT k.*, k.left_of_it - k.named AS net FROM ({charges}) k WHERE k.amount > 0) n
) c JOIN credit_accounts a ON a.customer_id = c.customer_id
"""
# Of every charge: customer_id, id, due_on, amount, named, open.
OPEN = _OPEN.format(charges=CHARGES.format(which=""))
OPEN_OF_ONE = _OPEN.format(charges=CHARGES.format(which="AND r.customer_id = :customer"))
