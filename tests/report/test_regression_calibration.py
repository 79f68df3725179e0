"""How the calibrations of a machine are shown as tables and JSON."""

import json
import math

import pytest

from bench.records.schema import Slowdown
from bench.regression.calibration.detectable import BUDGETS, BudgetDetectability, Detectability
from bench.regression.calibration.spread import Spread
from bench.regression.stats.power import DecisionCount
from bench.report.regression import calibration

FEW, MANY = DecisionCount(0, 25, 25), DecisionCount(10, 100, 7)
SPREAD = Spread(0.0123, 0.00456, 0.02, 9)


def at_budget(seconds, pairs, **changes):
    return BudgetDetectability(
        **{
            "seconds": seconds,
            "pairs": pairs,
            "disjoint": FEW,
            "drawn": None,
            "smallest": 0.0234,
            **changes,
        }
    )


BUDGET_RESULTS = (
    at_budget(0.0, 10),
    at_budget(30.0, 20),
    at_budget(60.0, 40),
    at_budget(180.0, 120, disjoint=None),
)
DRAWN = tuple(at_budget(30.0, 20, drawn=drawn) for drawn in (MANY, MANY, MANY, None))


def detectability(**changes):
    return Detectability(
        **{
            "case": "sgd-numpy",
            "slowdown": None,
            "blocks": 9,
            "pairs": 1234,
            "seconds": 1.5,
            "ratio": 1.001,
            "spread": SPREAD,
            "budgets": BUDGET_RESULTS,
            **changes,
        }
    )


def slowed(**changes):
    values = {"slowdown": Slowdown(0.05), "ratio": 1.0512, "spread": None, "budgets": DRAWN}
    return detectability(**{**values, **changes})


def by_title(*cases):
    return {table.title: table for table in calibration.tabulate(cases)}


NOISE = "How noisy this machine is"
SMALLEST = "The smallest slowdown that is detected with probability 95 %"
ALARMS = "False alarms: a version called slower than itself"
INJECTED = "Injected slowdowns, and how often they are detected"


def test_tables_are_in_order():
    assert list(by_title(detectability(), slowed())) == [NOISE, SMALLEST, ALARMS, INJECTED]
    assert list(by_title(slowed())) == [INJECTED]
    assert list(by_title(detectability())) == [NOISE, SMALLEST, ALARMS]
    assert calibration.tabulate([]) == []


def test_noise_table():
    table = by_title(detectability())[NOISE]
    assert table.lines == [["sgd-numpy", "1,234", "9", "1.50", "1.2 %", "0.46 %", "2.0 %"]]
    (line,) = by_title(detectability(spread=None))[NOISE].lines
    assert line[4:] == ["—", "—", "—"]


def test_smallest_slowdown_table():
    table = by_title(detectability())[SMALLEST]
    assert table.headings == ("case", "at the least", "in 30 s", "in 60 s", "in 180 s")
    assert table.lines == [["sgd-numpy", "2.3 % (10)", "2.3 % (20)", "2.3 % (40)", "2.3 % (120)"]]


@pytest.mark.parametrize(
    ("one", "seconds", "text"),
    [
        # Ten pairs of 3 s just fit into 30 s.
        (at_budget(30.0, 10), 3.0, "2.3 % (10)"),
        (at_budget(30.0, 10), 3.5, "10 pairs take 35 s"),
        (at_budget(30.0, 10), 9.0, "10 pairs take 1 min 30 s"),
        # The fewest pairs have no time limit.
        (at_budget(0.0, 10), 9.0, "2.3 % (10)"),
        (at_budget(30.0, 10, smallest=None), 1.0, "—"),
        (at_budget(30.0, 10, smallest=math.inf), 1.0, "—"),
    ],
)
def test_short_budget_shows_the_time_of_a_decision(one, seconds, text):
    (line,) = by_title(detectability(budgets=(one,), seconds=seconds))[SMALLEST].lines
    assert line == ["sgd-numpy", text]


def test_false_alarm_table():
    # The 95 % Wilson interval of 0 of 25.
    table = by_title(detectability())[ALARMS]
    assert table.lines == [
        ["sgd-numpy", time, pairs, "0 of 25 [0.0, 13.3]"]
        for time, pairs in (("the least", "10"), ("30 s", "20"), ("60 s", "40"))
    ]


def test_injected_slowdown_table():
    # The 95 % Wilson interval of 10 of 100.
    fifth = slowed(slowdown=Slowdown(0.2, 5), ratio=0.999)
    assert by_title(slowed(), fifth)[INJECTED].lines == [
        ["sgd-numpy", "5 %", "+5.1 %", "1,234", *["10 of 100 [5.5, 17.4]"] * 3, "—"],
        [
            "sgd-numpy",
            "20 % in one epoch of 5",
            "-0.1 %",
            "1,234",
            *["10 of 100 [5.5, 17.4]"] * 3,
            "—",
        ],
    ]


def test_no_cell_is_blank():
    bare = detectability(
        spread=None,
        budgets=tuple(BudgetDetectability(budget, 10, None, None, None) for budget in BUDGETS),
    )
    for table in calibration.tabulate(
        [detectability(), bare, slowed(), slowed(budgets=bare.budgets)]
    ):
        for line in table.lines:
            assert len(line) == len(table.headings), table.title
            assert all(cell.strip() for cell in line)


def test_document_has_exact_numbers():
    document = calibration._document_case(
        detectability(budgets=BUDGET_RESULTS[:1] + BUDGET_RESULTS[3:])
    )
    assert (
        json.loads(json.dumps(document, allow_nan=False))
        == document
        == {
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
                    "drawn": None,
                },
                {
                    "seconds": 180.0,
                    "pairs": 120,
                    "smallest": 0.0234,
                    "disjoint": None,
                    "drawn": None,
                },
            ],
        }
    )
