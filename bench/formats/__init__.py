"""Other people's formats: our runs written for their tools, their files read."""

from bench.formats.reading import read

__all__ = ["read"]
