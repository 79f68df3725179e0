"""Programs on several machines: ratios are worked out by hand."""

import pytest
from support.records import HERE, case, trials

from bench.analysis.machines import Pivot
from bench.analysis.summary import summarize

# Seconds of an epoch on two machines; d is on one of them only.
X = {"a": 0.1, "b": 0.2, "c": 0.6, "d": 0.05}
Y = {"a": 0.2, "b": 0.5, "c": 0.4}


def pivot(once="", **machines):
    """Return the programs of machines, each with three processes, or one on the machine once."""
    rows = {}
    for machine, epochs in machines.items():
        for name, epoch in epochs.items():
            factors = (1.0,) if machine == once else (1.0, 1.005, 0.995)
            times = [epoch * factor for factor in factors]
            objective = "one-vs-rest" if "one-vs-rest" in name else "softmax"
            records = trials(case(name, objective=objective), *times)
            (rows.setdefault(name, {})[machine],) = summarize(records, HERE)
    return Pivot(rows, list(machines))


def test_programs_are_in_the_order_of_their_ratios():
    both = pivot(x=X, y=Y)
    assert (both.programs, both.base) == (["d", "a", "b", "c"], "a")
    # A machine that is ten times as fast changes nothing.
    faster = pivot(x={name: epoch / 10 for name, epoch in X.items()}, y=Y)
    assert (faster.programs, faster.base) == (both.programs, both.base)


def test_base_is_numpy_unless_others_are_on_more_machines():
    assert pivot(x={"a": 0.1, "numpy": 0.2}, y={"a": 0.1, "numpy": 0.2}).base == "numpy"
    assert pivot(x={"a": 0.1, "numpy": 0.2}, y={"a": 0.1}).base == "a"


def test_ratios_are_of_one_machine_each_and_may_be_absent():
    both = pivot(x=X, y=Y)
    assert both.compare("b") == {"x": pytest.approx(2.0), "y": pytest.approx(2.5)}
    assert both.compare("d") == {"x": pytest.approx(0.5)}
    assert both.compare("b", "c")["x"] == pytest.approx(1 / 3)
    assert pivot(x={"a": 1.0}, y={"b": 1.0}).compare("a", "b") == {}


def test_another_problem_has_no_ratio_and_no_place_in_the_order():
    both = pivot(x={**X, "a (one-vs-rest)": 0.01}, y={**Y, "a (one-vs-rest)": 9.0})
    assert (both.base, both.programs[-1]) == ("a", "a (one-vs-rest)")
    assert both.compare("a (one-vs-rest)") == {}


def test_nothing_is_said_without_programs():
    nothing = Pivot({}, ["x", "y"])
    assert (nothing.programs, nothing.base) == ([], "")
