"""Sides of a comparison made up for the tests of what compares them."""

from fixtures_records import case, environment

from bench.gate.series import Origin, Series, Side
from bench.gate.verdict import Rule

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


def origin(implementation="numpy", data=None, *, versions=None, commit="a" * 40, **changes):
    """Return where a case came from; ``changes`` are the case's, ``python`` and ``dirty`` aside."""
    python, dirty = changes.pop("python", "3.11.9"), changes.pop("dirty", False)
    values = {"module": "idiomatic.softmax_numpy", "framework": "numpy", **changes}
    versions = {"numpy": "2.4.6", **(versions or {})}
    software = {"python": python, "distributions": versions}
    suite = {"version": "0.1.0", "commit": commit, "dirty": dirty}
    return Origin(case(implementation, **values), environment(software=software, suite=suite), data)
