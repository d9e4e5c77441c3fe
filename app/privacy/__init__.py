"""A person's rights: everything that is held on a customer, its erasure, and the proof of both."""
