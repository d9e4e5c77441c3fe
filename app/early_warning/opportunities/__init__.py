"""Opportunities: reasons to turn to a customer now. Raised once an episode, taken or dismissed, and gone in time."""
