"""Stores, tills, products and categories."""
