"""Versions of the implementations: what a name means and where it runs."""
