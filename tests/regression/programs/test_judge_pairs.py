"""What only ``bench ab`` judges: metrics, pairs, looks and missing versions."""

import math
from dataclasses import replace
from statistics import median

import msgspec
import pytest
from support.commands import write_pairs
from support.comparisons import bad, comparison, pairs, side, two
from support.records import case, ok

from bench.analysis.intervals import Interval
from bench.errors import UserError
from bench.records import store
from bench.records.schema import Parity, TrialRecord
from bench.regression.pairs.judge import Measured, read_measured
from bench.regression.pairs.plan import BASELINE, CANDIDATE
from bench.regression.programs.comparison_plan import REACH, Absent
from bench.regression.programs.judge_pairs import (
    CPU_EPOCH,
    METRICS,
    judge_cases,
    make_program_result,
)
from bench.regression.stats.false_alarms import compute_overall_level
from bench.report.regression.verdicts import describe_case

# Twenty unanimous pairs have a p of 2 ** -20, and 10 % is beyond the tolerance.
SLOWER, FASTER = [0.1] * 20, [-0.1] * 20
SAME, NOISY = [0.001, -0.001] * 10, [0.2, -0.2] * 10
LOOKS = {"numpy": (10, 20)}


def one(records, plan=None, looks=None):
    (judged,) = judge_cases(plan or comparison(), records, LOOKS if looks is None else looks)
    return judged


def metrics(judged):
    return {item.name: item for item in judged.metrics}


def test_shown_value_is_the_median_of_processes():
    epoch = metrics(one([*two(1, 0.1, 0.4), *two(2, 0.3, 0.8), *two(3, 0.2, 0.5)]))["epoch"]
    assert (epoch.baseline, epoch.candidate) == pytest.approx((0.2, 0.5))
    # The ratios of the pairs are 4, 8 / 3 and 5 / 2. Of their six geometric Walsh averages, the two
    # in the middle are 8 / 3 and the root of 10, which is the average of 4 and 5 / 2.
    assert epoch.ratio.mean == pytest.approx(math.sqrt(8 / 3 * math.sqrt(10)))


@pytest.mark.parametrize(
    ("logs", "verdict"), [(SAME, "undecided"), (FASTER, "undecided"), (SLOWER, "slower")]
)
def test_gate_without_a_record_is_undecided(logs, verdict):
    records = pairs(logs, peak_rss_bytes=None)
    assert one(records, comparison(gates=("memory",))).verdict == verdict


@pytest.mark.parametrize(
    ("share", "delay", "cpu_time", "judged", "verdict"),
    [
        (0.9, 0.0, True, "median epoch's CPU time", "slower"),
        (0.5, 0.0, True, "median epoch", "undecided"),  # it waits
        (0.5, 0.5, True, "median epoch's CPU time", "slower"),  # for a core
        (0.9, 0.0, False, "median epoch", "undecided"),
    ],
)
def test_cpu_time_is_judged_where_the_first_pair_computes(share, delay, cpu_time, judged, verdict):
    records = []
    for number, log in enumerate([0.0, *NOISY]):
        for version, factor in ((BASELINE, 1.0), (CANDIDATE, 1.1)):
            epochs = [math.exp(log * (version == CANDIDATE))] * 5
            others = {
                "alternated": True,
                "epoch_seconds": epochs,
                "epoch_delay_seconds": [delay] * 5,
                "epoch_cpu_seconds": [share * factor] * 5,
            }
            records.append(side(version, number, case("numpy"), 1.0, **others))
    plan = comparison(gates=("mean epoch",), cpu_time=cpu_time)
    result = one(records, plan)
    (first, *others) = [item for item in result.metrics if item.verdict]
    assert (first.label, result.verdict) == (judged, verdict)
    assert [item.name for item in others] == ["mean epoch"]


@pytest.mark.parametrize("reach", [0, REACH])
def test_epoch_without_cpu_time_is_left_out_of_its_pair(reach):
    cpu = {BASELINE: [0.0, 1.0, 1.0], CANDIDATE: [1.0, 2.0, 2.0]}
    records = [
        side(version, number, case("numpy"), 1.0, alternated=True, epoch_cpu_seconds=seconds)
        for number, both in enumerate([dict.fromkeys(cpu, [9.0] * 3), cpu])
        for version, seconds in both.items()
    ]
    judged = metrics(one(records, comparison(cpu_time=True, reach=reach)))
    assert judged[CPU_EPOCH].ratio.mean == pytest.approx(2)


def test_interrupted_first_pair_is_undecided():
    judged = one([bad("base", 0, status="interrupted", reason=None)])
    assert (judged.verdict, judged.remarks, judged.pairs) == ("undecided", (), 0)


def test_parity_error_is_the_largest():
    near = Parity(4e-6, 1e-5, passed=True)
    far = {"parity": Parity(0.5, 1e-5, passed=False), "reason": "off by half"}
    records = [*pairs(SAME), *two(21, 0.5, 0.5, parity=near)[:1], bad("candidate", 21, **far)]
    assert one(records).parity_error == (4e-6, 0.5)


def test_p_pays_for_all_looks():
    judged = one(pairs(SLOWER[:10]), looks={"numpy": (10, 20, 60)})
    assert judged.metrics[0].p_slower == pytest.approx(compute_overall_level(2**-10, (10, 20, 60)))
    assert one(pairs(SLOWER[:10]), looks={}).metrics[0].p_slower == 2**-10


def test_cases_are_one_family():
    # In one of eight pairs the smallest difference has the other sign: p = 2 / 2 ** 8 = 0.0078.
    # That is enough for the second rejection of two, and not for the first, at half of 1 %.
    numpy, keras = case("numpy"), case("keras")
    plan = comparison("numpy", "keras")
    weak = pairs([-0.01, *(0.1 + number / 1000 for number in range(7))], keras)
    judged = judge_cases(plan, [*pairs([0.1] * 12, numpy), *weak], {})
    assert [item.name for item in judged] == ["numpy", "keras"]
    assert [item.verdict for item in judged] == ["slower", "slower"]
    assert [item.metrics[0].p_slower for item in judged] == [2**-12, 2 * 2**-8]
    # Beside a case that is not slower, it has half the rate: 2 * 0.0078 is above 1 %.
    judged = judge_cases(plan, [*pairs([-0.1] * 12, numpy), *weak], {})
    assert [item.verdict for item in judged] == ["faster", "undecided"]
    # Also beside a case that was not measured yet.
    assert one(weak, plan, {}).verdict == "undecided"
    assert one(weak, comparison("keras"), {}).verdict == "slower"


def write(folder, plan, records):
    write_pairs(folder, plan, *records)
    store.save_looks(folder, LOOKS)


def load(folder, plan, *, required=False):
    measured = read_measured(folder, TrialRecord) if plan.pairings else Measured()
    return make_program_result(plan, measured, required=required)


def test_result_is_loaded_with_software(tmp_path):
    plan, records = comparison(), pairs(SLOWER)
    write(tmp_path / "one", plan, records)
    result = load(tmp_path / "one", plan)
    assert result.cases == judge_cases(plan, records, LOOKS)
    assert (result.baseline.name, result.candidate.name) == ("main", ".")
    assert result.baseline.software["torch"] == result.candidate.software["torch"] == "2.9.1"
    assert (result.rule, result.gated, result.exit_status) == (plan.rule, ("epoch",), 1)


def test_absent_implementations_are_missing_on_their_side(tmp_path):
    plan = comparison(
        pairings=(),
        absent=(Absent("new", "not in main", BASELINE), Absent("old", "not in .", CANDIDATE)),
    )
    result = load(tmp_path / "nothing", plan)
    verdicts = {judged.name: judged.verdict for judged in result.cases}
    assert verdicts == {"new": "missing in baseline", "old": "missing in candidate"}
    assert result.exit_status == 4
    assert replace(result, allow_nothing=True).exit_status == 0
    required = load(tmp_path / "nothing", plan, required=True)
    assert replace(required, allow_nothing=True).exit_status == 4


def test_record_of_an_unknown_case_is_refused(tmp_path):
    write(tmp_path / "one", comparison(), pairs(SAME, case("keras")))
    with pytest.raises(UserError, match=r"trial p1-base-sgd-keras"):
        load(tmp_path / "one", comparison())


@pytest.mark.parametrize(
    ("half", "shift", "verdict"),
    [(0.01, 1.0, "no change"), (0.1, 1.0, "undecided"), (0.001, 1.03, "undecided")],
)
def test_no_change_needs_the_median_within_the_tolerance(half, shift, verdict):
    # Their minima are equal; the ratio of their medians is off the shift by a share up to `half`.
    records = [
        side(version, number, case("numpy"), 1.0, epoch_seconds=[0.5, 0.5, middle, 1.5, 1.5])
        for number in range(1, 21)
        for version, middle in (
            ("base", 1.0),
            ("candidate", shift * (1 + half * math.sin(number))),
        )
    ]
    judged = one(records)
    epoch, median_epoch = judged.metrics[:2]
    assert epoch.ratio == Interval(1.0, 1.0, 1.0)
    assert (judged.verdict, epoch.verdict, epoch.statistic) == (verdict, verdict, "minimum")
    assert median_epoch.verdict is None
    assert epoch.more_pairs is None or verdict == "undecided"


@pytest.mark.parametrize(
    ("base", "candidate", "reach"),
    [
        # The machine becomes slower in the middle of each pair, and stops during two epochs: the
        # medians differ by 76 %.
        ([1.0, 1.0, 1.0, 1.6, 1.6], [1.1, 1.1, 2.5, 1.76, 3.2], 0),
        ([1.0] * 4 + [1.6] * 5, [1.1, 1.1, 2.5, 1.1, *[1.76] * 3, 3.2, 1.76], REACH),
        # Every second epoch is longer, of the sides in turn: ratios of neighbours are 2.2 and 0.55.
        ([1.0, 2.0, 1.0], [2.2, 1.1, 2.2], REACH),
    ],
)
def test_alternated_processes_are_judged_by_epochs_near_in_time(base, candidate, reach):
    epochs = {"base": base, "candidate": candidate}
    judged = one(
        [
            msgspec.structs.replace(record, alternated=True, epoch_seconds=epochs[record.version])
            for record in pairs([0.0] * 12)
        ],
        comparison(reach=reach),
    )
    epoch = judged.metrics[0]
    assert (epoch.label, epoch.verdict) == ("median epoch", "slower")
    assert (epoch.baseline, epoch.ratio.mean) == (median(base), pytest.approx(1.1))
    assert "median epoch" not in metrics(judged)
    assert metrics(judged)["minimum epoch"].ratio.mean == pytest.approx(1.1)


@pytest.mark.parametrize(
    ("pausing", "mean"),
    [(["candidate"], "slower"), (["base"], "faster"), (["base", "candidate"], "undecided")],
)
def test_mean_epoch_decides_only_where_it_is_slower(pausing, mean):
    records = pairs(SAME, alternated=True, epoch_seconds=[1.0] * 9)
    for at, record in enumerate(records):
        if record.version == pausing[record.round % len(pausing)]:
            records[at] = msgspec.structs.replace(record, epoch_seconds=[1.0, 1.0, 4.0] * 3)
    judged = one(records, comparison(gates=("mean epoch",)))
    epoch, mean_epoch = (metrics(judged)[name] for name in ("epoch", "mean epoch"))
    assert (epoch.verdict, mean_epoch.verdict, mean_epoch.more_pairs) == ("no change", mean, None)
    verdict = "slower (mean epoch);" if mean == "slower" else "no change of the median epoch;"
    assert describe_case(judged).startswith(f"numpy: {verdict}")


def test_metrics_are_read_from_a_record():
    epochs = [0.4, 0.2, 0.3, 0.8, 0.6]
    record = ok(case(), epoch_seconds=epochs, predict_seconds=[0.03, 0.01, 0.02])
    assert {
        name: value for name, read in METRICS.items() if (value := read(record))
    } == pytest.approx(
        {
            "epoch": 0.2,
            "median epoch": 0.4,
            "mean epoch": 0.46,
            "first-epoch": 3.0,
            "set-up": 0.25,
            "import": 2.0,
            "predict": 0.02,
            "memory": 512 * 2**20,
        }
    )


# ----- processes and their verdict


def make_trial(version, number, process):
    """Return the trial of a process: its minimum epoch in seconds, or fields of its record.

    Fields without an "epoch" are those of a failure.
    """
    fields = {"epoch": process} if isinstance(process, float) else dict(process)
    if epoch := fields.pop("epoch", None):
        return side(version, number, case("numpy"), epoch, **fields)
    return bad(version, number, **fields)


def judge(baseline, candidate):
    return one(
        [
            make_trial(version, number, process)
            for version, processes in ((BASELINE, baseline), (CANDIDATE, candidate))
            for number, process in enumerate(processes, 1)
        ],
        looks={},
    )


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
def test_processes_give_the_verdict(baseline, candidate, verdict, remarks):
    judged = judge(baseline, candidate)
    assert judged.verdict == verdict
    assert len(judged.remarks) == len(remarks)
    for remark, start in zip(judged.remarks, remarks, strict=True):
        assert remark.startswith(start)


def test_accuracy_is_the_mean_after_the_workloads_epochs():
    curves = [[0.1] * 4 + [0.84], [0.1] * 4 + [0.86, 0.99]]
    processes = [{"epoch": 1.0, "validation_accuracy": curve} for curve in curves]
    assert judge(processes, processes).accuracy == pytest.approx((0.85, 0.85))
