"""What the office changes across rooms: terms of credit and the ledger with the warnings that follow, and handovers."""
