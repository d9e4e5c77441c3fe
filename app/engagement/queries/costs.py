"""What was spent on customers by what this room does for them, for other rooms to count among their expenses."""

# Gifts and greetings that were given, on the day on which they were; and what complaints have cost, on the day on which
# they were resolved last. A SELECT over all customers, of which a condition on customer_id makes a few look-ups. It
# takes :zone, that of the company.
COSTS = """
  SELECT c.customer_id, c.id, 'care' AS source, c.kind, c.cost AS amount,
         CAST(timezone(CAST(:zone AS text), c.closed_at) AS date) AS occurred_on, c.by, c.closed_at AS recorded_at
  FROM care c WHERE c.status = 'done' AND c.cost > 0
  UNION ALL
  SELECT k.customer_id, k.id, 'complaint', 'compensation', k.compensation_cost,
         CAST(timezone(CAST(:zone AS text), k.cost_at) AS date), k.by, k.cost_at
  FROM (
    SELECT c.*, coalesce(
      c.closed_at,
      (SELECT max(s.at) FROM engagement_steps s
       WHERE s.customer_id = c.customer_id AND s.record_id = c.id AND s.action = 'resolve'),
      c.occurred_at
    ) AS cost_at
    FROM complaints c WHERE c.compensation_cost > 0
  ) k"""
