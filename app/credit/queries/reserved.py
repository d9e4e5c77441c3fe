"""What of an account is reserved for sales that are on their way: by authorisations, and for tills that are cut off."""


def reserved_sql(customer: str) -> str:
    """SQL of the amount that is reserved now of the account of `customer`, an expression. Parameter: now."""
    return f"""(
  (SELECT coalesce(sum(v.amount), 0) FROM credit_authorisations v WHERE v.customer_id = {customer}
   AND (v.status = 'captured' OR (v.status = 'held' AND v.expires_at > CAST(:now AS timestamptz))))
  + (SELECT coalesce(sum(greatest(0, w.amount - w.used)), 0) FROM credit_allowances w
     WHERE w.customer_id = {customer} AND w.closed_at IS NULL AND w.reserved_until > CAST(:now AS timestamptz))
)::bigint"""
