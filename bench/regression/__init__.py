"""Decide whether a candidate version is slower than a base version."""
