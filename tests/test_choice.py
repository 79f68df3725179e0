"""Which number of a process sees most: each statistic by hand, each judged by the same rule."""

import math

import numpy as np
import pytest
from fixtures_gate import side
from fixtures_records import case, ok
from scipy.stats import ttest_1samp

from bench.gate import choice, power
from bench.gate.calibrated import Block
from bench.gate.choice import STATISTICS, choices, least_by_t
from bench.gate.looks import nominal
from bench.gate.sight import BUDGETS, STRICT
from bench.gate.verdict import Rule

RECORD = ok(case(), epoch_seconds=[0.5, 0.4, 0.2, 0.8, 0.6],
            epoch_cpu_seconds=[0.45, 0.35, 0.15, 0.7, 0.5])  # fmt: skip


# Sorted: 0.2, 0.4, 0.5, 0.6, 0.8; the lower quartile is the second of five.
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("the least epoch", 0.2), ("the lower quartile", 0.4), ("the median", 0.5),
        ("the mean", 0.5), ("the least CPU time", 0.15), ("the least of one epoch", 0.5),
        ("the least of two", 0.4), ("the least of three", 0.2),
    ],
)  # fmt: skip
def test_a_statistic_is_read_from_a_process(name, value):
    assert STATISTICS[name](RECORD) == pytest.approx(value)


def test_the_gates_own_comes_first():
    assert next(iter(STATISTICS)) == "the least epoch"
    assert len(STATISTICS) == 8


@pytest.mark.parametrize("rule", [STRICT, Rule(tolerance=0.0, family=3)])
def test_the_least_that_a_t_test_finds_is_where_its_p_is_the_level(rule):
    logs = np.random.default_rng(3).normal(0.01, 0.02, 30).tolist()
    for looks in ((30,), (10, 20, 30)):
        found, level = least_by_t(logs, looks, rule), nominal(rule.share, looks)
        p = [ttest_1samp([log + found for log in logs[:count]], 0, alternative="greater").pvalue
             for count in looks]  # fmt: skip
        assert min(p) == pytest.approx(level, rel=1e-6)


def test_every_statistic_is_asked_for_every_time_by_the_gates_test_and_last_by_t(monkeypatch):
    asked = []

    def smallest(logs, pairs, rule, *, test):
        asked.append((logs, pairs, rule, test))
        return len(asked) / 1000

    monkeypatch.setattr(power, "smallest", smallest)
    # Of the two one takes twice as long, but in its third epoch; they change sides, in two blocks.
    quick = side("base", 1, case(), 1.0, epoch_seconds=[0.2, 0.3, 0.1], epoch_cpu_seconds=[0.1])
    slow = side("base", 1, case(), 1.0, epoch_seconds=[0.4, 0.6, 0.1], epoch_cpu_seconds=[0.2])
    blocks = [Block("one", "now", (two,)) for two in ((quick, slow), (slow, quick))]
    found = choices(blocks)
    assert [each.statistic for each in found] == [*STATISTICS, "the least epoch, by a t test"]
    assert found[0].smallest == (0.001, 0.002, 0.003, 0.004)
    assert len(found) * len(BUDGETS) == len(asked) == 36
    assert {(pairs, rule) for _, pairs, rule, _ in asked} == {(10, STRICT)}
    logs = {each.statistic: asked[4 * at][0] for at, each in enumerate(found)}
    assert logs["the least epoch"] == logs["the least epoch, by a t test"] == [0.0, 0.0]
    assert logs["the median"] == pytest.approx([math.log(2), -math.log(2)])
    assert logs["the least CPU time"] == pytest.approx([math.log(2), -math.log(2)])
    tests = [test for _, _, _, test in asked]
    assert set(tests[:32]) == {power.least_found}
    assert set(tests[32:]) == {choice.least_by_t}


def test_the_pairs_that_fit_into_each_time_are_asked_for(monkeypatch):
    monkeypatch.setattr(power, "smallest", lambda logs, pairs, rule, *, test: pairs)
    pairs = tuple(
        (side("base", at, case(), 1.0, started=f"2025-01-02T00:00:{2 * at:02}+00:00",
              epoch_cpu_seconds=[0.1]),
         side("candidate", at, case(), 1.0, started=f"2025-01-02T00:00:{2 * at + 1:02}+00:00",
              epoch_cpu_seconds=[0.1]))
        for at in range(1, 5)
    )  # fmt: skip
    assert choices([Block("one", "now", pairs)])[0].smallest == (10, 15, 30, 90)
