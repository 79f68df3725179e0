"""Measure a version against itself: the noise of a machine and what it hides."""
