"""Segments: questions about customers, written as text or as a tree, answered by one SELECT, explained leaf by leaf."""
