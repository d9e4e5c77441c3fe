"""What the office writes."""

from app.office.commands.credit import enter_receivables, put_credit

__all__ = ["enter_receivables", "put_credit"]
