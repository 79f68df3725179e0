"""Implementations of the same mathematics, tuned for speed."""
