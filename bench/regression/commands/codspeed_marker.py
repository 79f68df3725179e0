"""A plugin of pytest that ``bench gate`` loads: measure tests with CodSpeed's marker as a whole.

Tests that take the fixture ``benchmark`` measure what they give it; those with the marker alone do
not take it, so pytest-benchmark would skip them. It runs in the project's own Python and imports
nothing of this suite. Source: https://codspeed.io/docs/benchmarks/python
"""

import inspect
from typing import Any

MARKERS = ("benchmark", "codspeed_benchmark")
FIXTURE = "benchmark"


def pytest_configure(config: Any) -> None:
    """Make the marker that only CodSpeed's plugin knows valid."""
    config.addinivalue_line("markers", f"{MARKERS[1]}: measured as a whole")


def pytest_itemcollected(item: Any) -> None:
    """Give a marked test the fixture, before pytest-benchmark looks who has it."""
    if any(map(item.get_closest_marker, MARKERS)) and FIXTURE not in item.fixturenames:
        item.fixturenames = [*item.fixturenames, FIXTURE]
        item.is_measured_whole = True


def pytest_pyfunc_call(pyfuncitem: Any) -> bool | None:
    """Let the fixture call a marked test with what it takes."""
    if not getattr(pyfuncitem, "is_measured_whole", False):
        return None
    given, names = pyfuncitem.funcargs, inspect.signature(pyfuncitem.obj).parameters
    given[FIXTURE](pyfuncitem.obj, **{name: given[name] for name in names if name in given})
    return True
