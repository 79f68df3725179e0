"""One table of records and their verdicts, for live pairs and for stored runs."""

import pytest
from support.comparisons import RULE, comparison, make_trial, stored_side, stored_trials
from support.records import case

from bench.records.schema import Parity
from bench.regression.programs.judge_pairs import judge_cases
from bench.regression.stored.calibrations import Spread
from bench.regression.stored.judge_runs import compare_runs

NUMPY = case("numpy")
# So small that 2 % are many deviations.
STILL = Spread(processes=0.0005, blocks=0.0005, hours=50)


def judge_live(baseline, candidate):
    records = [
        make_trial(NUMPY, number, process, version=version, trial=f"{version}-{number}")
        for version, processes in (("base", baseline), ("candidate", candidate))
        for number, process in enumerate(processes, 1)
    ]
    (judged,) = judge_cases(comparison(), records, {})
    return judged


def judge_stored(baseline, candidate):
    sides = [stored_side(*stored_trials(NUMPY, *processes)) for processes in (baseline, candidate)]
    (judged,) = compare_runs(*sides, lambda *_: STILL, rule=RULE).cases
    return judged


GOOD, SLOW, FAST = [1.0] * 12, [1.1] * 12, [0.9] * 12
WRONG = {"reason": "off by half", "parity": Parity(0.5, 1e-5, passed=False)}
THREADS = {"reason": "threads", "parity": Parity(2e-6, 1e-5, passed=True)}
CUT = {"status": "interrupted"}
ABSENT = [{"status": "unavailable", "reason": "no GPU"}] * 2


def accurate(accuracy, epoch=1.0):
    """Return processes with this validation accuracy after the workload's epochs."""
    return [{"epoch": epoch, "validation_accuracy": [0.1] * 4 + [accuracy]}] * 12


def failing(**fields):
    """Return fast processes, of which the last one fails."""
    return [*FAST[1:], {"status": "failed", **fields}]


LOSS = "validation accuracy fell from 0.8400 to 0.8388"


@pytest.mark.parametrize("judge", [judge_live, judge_stored])
@pytest.mark.parametrize(
    ("baseline", "candidate", "verdict", "remarks"),
    [
        (GOOD, SLOW, "slower", []),
        (GOOD, FAST, "faster", []),
        (GOOD, [1.001, 0.999] * 6, "no change", []),
        (GOOD, [*SLOW, CUT], "slower", []),
        (GOOD, failing(), "failed", ["candidate: failed: it stumbled"]),
        (failing(), SLOW, "failed", ["baseline: failed: it stumbled"]),
        (GOOD, failing(status="timeout"), "failed", ["candidate: timeout: it stumbled"]),
        (GOOD, failing(status="out-of-memory"), "failed", ["candidate: out-of-memory: it st"]),
        (GOOD, failing(**THREADS), "failed", ["candidate: failed: threads"]),
        (GOOD, failing(**WRONG), "wrong", ["candidate: failed: off by half"]),
        (failing(**WRONG), FAST, "failed", ["baseline: failed: off by half"]),
        (accurate(0.84), accurate(0.8388, 0.5), "wrong", [LOSS]),
        # Twelve of 12,000 images.
        (accurate(0.84), accurate(0.8392, 0.5), "faster", []),
        (accurate(0.84), accurate(0.9, 2.0), "slower", []),
        (ABSENT, ABSENT, "unavailable", ["baseline: unavailable: no", "candidate: unavailable"]),
    ],
)
def test_records_give_the_verdict_of_both_judges(judge, baseline, candidate, verdict, remarks):
    judged = judge(baseline, candidate)
    assert judged.verdict == verdict
    assert len(judged.remarks) == len(remarks)
    for remark, start in zip(judged.remarks, remarks, strict=True):
        assert remark.startswith(start)


@pytest.mark.parametrize("judge", [judge_live, judge_stored])
def test_accuracy_is_the_mean_after_the_workloads_epochs(judge):
    curves = [[0.1] * 4 + [0.84], [0.1] * 4 + [0.86, 0.99]]
    processes = [{"epoch": 1.0, "validation_accuracy": curve} for curve in curves]
    assert judge(processes, processes).accuracy == pytest.approx((0.85, 0.85))
