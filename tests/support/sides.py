"""Sides of a comparison made up for the tests of what compares them."""

from bench.regression.stats.decision import Rule
from bench.regression.stored.series import Series, Side

RULE = Rule(tolerance=0.02, alpha=0.01)


def series(name="a", *processes, **changes):
    """Return a case whose processes took so many seconds, two of one second where none are given.

    A number is a process of one time.
    """
    times = tuple(one if isinstance(one, tuple) else (one,) for one in processes or (1.0, 1.0))
    return Series(**{"name": name, "processes": times, "tried": len(times), **changes})


def side(*found, name="base", machine="here", **changes):
    """Return a side of these series."""
    return Side(name, machine, {each.name: each for each in found}, **changes)
