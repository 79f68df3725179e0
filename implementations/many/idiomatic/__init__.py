"""Implementations that follow a page of their framework's documentation."""
