"""Disturbances, ties and memory as the report shows them."""

from dataclasses import replace

from support.records import case, environment, trials

from bench.analysis.intervals import Interval
from bench.analysis.noise import Noise
from bench.analysis.summary import summarize
from bench.report.sections import comparison, workload

HERE = {"here": environment()}
UNKNOWN = Noise(None, None, None, None, None, None, None)
QUIET = Noise(0.5, 0.02, Interval(1.0, 0.99, 1.01), others=0.01, steal=0, clock=0.01, throttled=0)
# b / a is not certain, c / a is; d takes ten times the others (tests/analysis/test_ranking.py).
A, B, C, D = (1.0, 1.0, 1.0), (1.1, 1.2, 1.3), (1.2, 1.2, 1.3), (10.0, 10.0, 10.0)


def rows_of(**epochs_of):
    records = [r for name, epochs in epochs_of.items() for r in trials(case(name), *epochs)]
    return summarize(records, HERE)


def test_report_names_ties_and_disturbances():
    disturbed = replace(QUIET, others=0.25)
    (line,) = workload.describe_noisy_pairs(rows_of(a=A, b=B, c=C, d=D), disturbed)
    assert "noisy" in line
    assert "other processes took 25.0% of the cores" in line
    assert "a and b, b and c" in line
    (line,) = workload.describe_noisy_pairs(rows_of(**{"<a>": A, "b|c": B}), QUIET)
    assert "&lt;a&gt; and b\\|c" in line
    assert "nois" not in line
    assert workload.describe_noisy_pairs(rows_of(a=A, c=C), disturbed) == []


def test_report_has_every_measure_of_noise():
    noise = Noise(0.25, 0.125, Interval(1.5, 1.25, 2.0), 0.0625, 0.5, 0.75, throttled=3)
    assert [value for _, value in comparison.tabulate_noise(noise).lines] == [
        "25 %",
        "12 %",
        "1.50 [1.25, 2.00]",
        "6.2 %",
        "50 %",
        "75 %",
        "3.00",
    ]
    unknown = ["—", "—", "unknown", *["—"] * 4]
    assert [value for _, value in comparison.tabulate_noise(UNKNOWN).lines] == unknown
