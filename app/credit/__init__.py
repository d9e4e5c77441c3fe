"""Selling on account: how much a customer may owe and until when, and the ledger of what the customer owes."""
