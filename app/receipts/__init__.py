"""Purchases as the tills tell them, and the figures per customer that are true in the same transaction."""
