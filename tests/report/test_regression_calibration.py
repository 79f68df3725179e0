"""How the calibrations of a machine are shown as tables and JSON."""

import json
import math

import pytest

from bench.records.schema import Slowdown
from bench.regression.calibration.detectable import BUDGETS, BudgetDetectability, Detectability
from bench.regression.calibration.spread import Spread
from bench.regression.stats.power import DecisionCount
from bench.report.regression import calibration
from bench.report.regression.output import format_output

FEW, MANY = DecisionCount(0, 25, 25), DecisionCount(10, 100, 7)
BUDGET_RESULTS = tuple(
    BudgetDetectability(seconds, pairs, FEW if pairs < 100 else None, None, 0.0234)
    for seconds, pairs in zip(BUDGETS, (10, 20, 40, 120), strict=True)
)


def detectability(**changes):
    values = {
        "case": "sgd-numpy",
        "slowdown": None,
        "blocks": 9,
        "pairs": 1234,
        "seconds": 1.5,
        "ratio": 1.001,
        "spread": Spread(0.0123, 0.00456, 0.02, 9),
        "budgets": BUDGET_RESULTS,
    }
    return Detectability(**{**values, **changes})


FIVE_PERCENT = Slowdown(0.05)
SLOWED_RESULTS = tuple(
    BudgetDetectability(seconds, 20, None, drawn, None)
    for seconds, drawn in zip(BUDGETS, (MANY, MANY, MANY, None), strict=True)
)


def slowed(slowdown=FIVE_PERCENT, ratio=1.0512, budgets=SLOWED_RESULTS):
    return detectability(slowdown=slowdown, ratio=ratio, spread=None, budgets=budgets)


NOISE = "How noisy this machine is"
SMALLEST = "The smallest slowdown that is detected with probability 95 %"
ALARMS = "False alarms: a version called slower than itself"
INJECTED = "Injected slowdowns, and how often they are detected"


def test_tables_have_a_line_per_case():
    fifth = slowed(slowdown=Slowdown(0.2, 5), ratio=0.999)
    tables = calibration.tabulate([detectability(), slowed(), fifth])
    # The 95 % Wilson intervals of 0 of 25 and of 10 of 100.
    few, many = "0 of 25 [0.0, 13.3]", ["10 of 100 [5.5, 17.4]"] * 3
    assert {table.title: table.lines for table in tables} == {
        NOISE: [["sgd-numpy", "1,234", "9", "1.50", "1.2 %", "0.46 %", "2.0 %"]],
        SMALLEST: [["sgd-numpy", "2.3 % (10)", "2.3 % (20)", "2.3 % (40)", "2.3 % (120)"]],
        ALARMS: [
            ["sgd-numpy", time, pairs, few]
            for time, pairs in (("the least", "10"), ("30 s", "20"), ("60 s", "40"))
        ],
        INJECTED: [
            ["sgd-numpy", "5 %", "+5.1 %", "1,234", *many, "—"],
            ["sgd-numpy", "20 % in one epoch of 5", "-0.1 %", "1,234", *many, "—"],
        ],
    }
    assert [table.title for table in calibration.tabulate([slowed()])] == [INJECTED]
    assert calibration.tabulate([]) == []


@pytest.mark.parametrize(
    ("budget", "smallest", "seconds", "text"),
    [
        (30.0, 0.0234, 3.0, "2.3 % (10)"),  # ten pairs of 3 s just fit into 30 s
        (30.0, 0.0234, 3.5, "10 pairs take 35 s"),
        (0.0, 0.0234, 9.0, "2.3 % (10)"),  # the fewest pairs have no time limit
        (30.0, None, 1.0, "—"),
        (30.0, math.inf, 1.0, "—"),
    ],
)
def test_short_budget_shows_the_time_of_a_decision(budget, smallest, seconds, text):
    budgets = (BudgetDetectability(budget, 10, None, None, smallest),)
    _, table = calibration.tabulate([detectability(budgets=budgets, seconds=seconds)])
    assert table.lines == [["sgd-numpy", text]]


def test_no_cell_is_blank():
    budgets = tuple(BudgetDetectability(budget, 10, None, None, None) for budget in BUDGETS)
    bare = [detectability(spread=None, budgets=budgets), slowed(budgets=budgets)]
    for table in calibration.tabulate(bare):
        for line in table.lines:
            assert len(line) == len(table.headings), table.title
            assert all(cell.strip() for cell in line)


def test_document_has_exact_numbers():
    budgets = (
        BudgetDetectability(0.0, 10, FEW, MANY, 0.0234),
        BudgetDetectability(180.0, 120, None, None, math.inf),
    )
    output = calibration.build_calibration_output([detectability(budgets=budgets)])
    (document,) = json.loads(format_output(output, "json"))["cases"]
    assert document == {
        "case": "sgd-numpy",
        "injected": "nothing",
        "blocks": 9,
        "pairs": 1234,
        "seconds_a_pair": 1.5,
        "ratio": 1.001,
        "spread": {"epochs": 0.0123, "processes": 0.00456, "blocks": 0.02, "count": 9},
        "budgets": [
            {
                "seconds": 0.0,
                "pairs": 10,
                "smallest": 0.0234,
                "disjoint": {"count": 0, "total": 25, "independent": 25},
                "drawn": {"count": 10, "total": 100, "independent": 7},
            },
            {"seconds": 180.0, "pairs": 120, "smallest": None, "disjoint": None, "drawn": None},
        ],
    }
