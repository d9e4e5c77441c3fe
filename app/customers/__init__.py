"""The customer record and what finds it: identifiers."""
