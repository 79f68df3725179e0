"""Other people's formats: their files read as the side of a comparison."""

from bench.formats.reading import read

__all__ = ["read"]
