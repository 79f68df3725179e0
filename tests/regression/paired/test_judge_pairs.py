"""The verdicts of ``bench ab`` on synthetic records."""

import math
from dataclasses import replace

import pytest
from support.comparisons import bad, comparison, pairs, side, two
from support.records import case, environment, ok

from bench.errors import UserError
from bench.records import store
from bench.records.schema import Parity
from bench.regression.paired.comparison_plan import Absent, Pairing
from bench.regression.paired.judge_pairs import (
    METRICS,
    collect_pairs,
    judge_cases,
    load_result,
    taken_looks,
)
from bench.regression.stats.false_alarms import overall_level
from bench.regression.stats.signed_rank import compare_pairs

# Twenty unanimous pairs have a p of 2 ** -20, and 10 % is beyond the tolerance.
SLOWER, FASTER = [0.1] * 20, [-0.1] * 20
SAME, NOISY = [0.001, -0.001] * 10, [0.2, -0.2] * 10
LOOKS = {"numpy": (10, 20)}
WRONG = {"parity": Parity(0.5, 1e-5, passed=False), "status": "failed", "reason": "off by half"}


def one(records, plan=None, looks=None):
    (judged,) = judge_cases(plan or comparison(), records, LOOKS if looks is None else looks)
    return judged


def quantities(judged):
    return {item.name: item for item in judged.metrics}


@pytest.mark.parametrize(
    ("logs", "outcome"),
    [(SLOWER, "slower"), (FASTER, "faster"), (SAME, "no change"), (NOISY, "undecided")],
)
def test_case_is_judged_by_the_minimum_epoch(logs, outcome):
    judged = one(pairs(logs))
    assert (judged.verdict, judged.pairs, judged.remarks) == (outcome, 20, ())
    epoch = quantities(judged)["epoch"]
    assert epoch.verdict == outcome
    assert epoch.ratio == compare_pairs(logs, (10, 20), 0.01).ratio
    assert (epoch.more_pairs is None) == (outcome != "undecided")
    assert (judged.name, judged.case) == ("numpy", case("numpy").slug)


def test_metric_is_judged_only_on_request():
    # The first epoch takes twice as long.
    slow = [
        side(
            item.version,
            item.round,
            item.case,
            0.5,
            first_epoch_seconds=6.0 if item.version == "candidate" else 3.0,
        )
        for item in pairs(SAME)
    ]
    judged = one(slow)
    first = quantities(judged)["first-epoch"]
    assert (judged.verdict, first.verdict, first.more_pairs) == ("no change", None, None)
    assert (first.baseline, first.candidate) == (3.0, 6.0)
    assert first.ratio.mean == pytest.approx(2)
    asked = one(slow, comparison(gates=("first-epoch",)))
    assert asked.verdict == "slower"
    assert quantities(asked)["epoch"].verdict == "no change"
    assert quantities(asked)["first-epoch"].verdict == "slower"
    assert quantities(asked)["memory"].verdict is None


def test_shown_value_is_the_median_of_processes():
    records = [*two(1, 0.1, 0.4), *two(2, 0.3, 0.8), *two(3, 0.2, 0.5)]
    epoch = quantities(one(records))["epoch"]
    assert (epoch.baseline, epoch.candidate) == pytest.approx((0.2, 0.5))
    # The ratios of the pairs are 4, 8 / 3 and 5 / 2. Of their six geometric Walsh averages, the two
    # in the middle are 8 / 3 and the root of 10, which is the average of 4 and 5 / 2.
    assert epoch.ratio.mean == pytest.approx(math.sqrt(8 / 3 * math.sqrt(10)))


def test_metric_ignores_pairs_without_it():
    records = [
        *two(1, 0.5, 0.5, peak_rss_bytes=100),
        *two(2, 0.5, 0.5, peak_rss_bytes=300),
        side("base", 3, case("numpy"), 0.5, peak_rss_bytes=900),
        side("candidate", 3, case("numpy"), 0.5, peak_rss_bytes=None),
    ]
    memory = quantities(one(records))["memory"]
    assert (memory.baseline, memory.candidate) == (200, 200)


def test_unrecorded_gate_is_undecided():
    plan = comparison(gates=("memory",))
    assert one(pairs(SAME, peak_rss_bytes=None), plan).verdict == "undecided"
    assert one(pairs(FASTER, peak_rss_bytes=None), plan).verdict == "undecided"
    assert one(pairs(SLOWER, peak_rss_bytes=None), plan).verdict == "slower"


def test_warmup_is_no_pair():
    warm = pairs([9.0], first=0)
    judged = one([*warm, *pairs(SAME)])
    assert (judged.verdict, judged.pairs) == ("no change", 20)
    assert one(warm).pairs == 0
    assert collect_pairs(warm) == []


def test_failed_warmup_fails_the_case():
    judged = one([*two(0, 0.5, 0.5)[:1], bad("candidate", 0)])
    assert (judged.verdict, judged.metrics, judged.pairs) == ("failed", (), 0)
    assert judged.remarks == ("candidate: failed: it stumbled",)


@pytest.mark.parametrize("version", ["base", "candidate"])
@pytest.mark.parametrize("status", ["failed", "timeout", "out-of-memory", "unavailable"])
def test_failed_trial_fails_the_case(version, status):
    rest = "base" if version == "candidate" else "candidate"
    broken = [side(rest, 21, case("numpy"), 0.5), bad(version, 21, status=status)]
    judged = one([*pairs(SLOWER), *broken])
    assert (judged.verdict, judged.pairs) == ("failed", 20)
    assert judged.remarks == (f"{version}: {status}: it stumbled",)
    assert quantities(judged)["epoch"].verdict == "slower"


def test_equal_reasons_are_one_remark():
    records = [
        *(bad(version, 1) for version in ("base", "candidate", "base")),
        bad("base", 2, reason="it fell"),
    ]
    assert one(records).remarks == (
        "base: failed: it stumbled",
        "candidate: failed: it stumbled",
        "base: failed: it fell",
    )


def test_interrupted_trials_do_not_count():
    cut = bad("candidate", 21, status="interrupted", reason=None)
    judged = one([*pairs(SLOWER), side("base", 21, case("numpy"), 0.5), cut])
    assert (judged.verdict, judged.pairs, judged.remarks) == ("slower", 20, ())
    alone = one([bad("base", 0, status="interrupted", reason=None)])
    assert (alone.verdict, alone.pairs, alone.metrics) == ("undecided", 0, ())


def test_candidate_without_parity_is_wrong():
    judged = one([*pairs(FASTER), *two(21, 0.5, 0.5)[:1], bad("candidate", 21, **WRONG)])
    assert (judged.verdict, judged.parity_error) == ("wrong", (1.5e-6, 0.5))
    assert judged.remarks == ("candidate: failed: off by half",)


def test_base_without_parity_is_failed():
    judged = one([*pairs(SAME), bad("base", 21, **WRONG), *two(21, 0.5, 0.5)[1:]])
    assert (judged.verdict, judged.parity_error) == ("failed", (0.5, 1.5e-6))


def accurate(base, candidate):
    return [
        record
        for number in range(1, 21)
        for record in (
            side("base", number, case("numpy"), 0.5, validation_accuracy=[0.1] * 4 + [base]),
            side(
                "candidate", number, case("numpy"), 0.4, validation_accuracy=[0.1] * 4 + [candidate]
            ),
        )
    ]


def test_lower_accuracy_is_wrong():
    judged = one(accurate(0.84, 0.8388))
    assert (judged.verdict, judged.accuracy) == ("wrong", pytest.approx((0.84, 0.8388)))
    assert judged.remarks == ("validation accuracy fell from 0.8400 to 0.8388",)


@pytest.mark.parametrize(("base", "candidate"), [(0.84, 0.8392), (0.84, 0.85), (0.84, 0.84)])
def test_accuracy_within_twelve_images_passes(base, candidate):
    judged = one(accurate(base, candidate))
    assert (judged.verdict, judged.remarks) == ("faster", ())


def test_accuracy_is_averaged_and_parity_is_the_worst():
    records = [
        *two(1, 0.5, 0.5, validation_accuracy=[0.1] * 4 + [0.84]),
        *two(
            2,
            0.5,
            0.5,
            validation_accuracy=[0.1] * 4 + [0.86],
            parity=Parity(4e-6, 1e-5, passed=True),
        ),
    ]
    judged = one(records)
    assert judged.accuracy == pytest.approx((0.85, 0.85))
    assert judged.parity_error == (4e-6, 4e-6)
    assert one([bad("base", 0)]).accuracy == (None, None)


def test_p_pays_for_all_looks():
    judged = one(pairs(SLOWER[:10]), looks={"numpy": (10, 20, 60)})
    slower = quantities(judged)["epoch"].p_slower
    assert slower == pytest.approx(overall_level(2**-10, (10, 20, 60)))
    assert one(pairs(SLOWER[:10]), looks={}).metrics[0].p_slower == 2**-10


@pytest.mark.parametrize(
    ("looks", "pairs", "judged"),
    [
        ((30, 60, 180), 180, (30, 60, 180)),
        ((30, 60, 180), 60, (30, 60, 180)),
        ((30, 60, 180), 30, (30, 60, 180)),
        ((30, 60, 180), 100, (30, 60, 100)),
        ((30, 60, 180), 31, (30, 31)),
        ((30, 60, 180), 29, (29,)),
        ((), 7, (7,)),
        ((10, 12), 13, (10, 12, 13)),
    ],
)
def test_last_look_is_at_the_last_pair(looks, pairs, judged):
    assert taken_looks(looks, pairs) == judged


def test_cases_are_one_family():
    # In one of eight pairs the smallest difference has the other sign: p = 2 / 2 ** 8 = 0.0078.
    # That is enough for the second rejection of two, and not for the first, at half of 1 %.
    numpy, keras = case("numpy"), case("keras")
    plan = comparison("numpy", "keras")
    nearly = [0.1 + number / 1000 for number in range(7)]
    weak, strong = [-0.01, *nearly], [0.1] * 12
    judged = judge_cases(plan, [*pairs(strong, numpy), *pairs(weak, keras)], {})
    assert [(item.name, item.verdict) for item in judged] == [
        ("numpy", "slower"),
        ("keras", "slower"),
    ]
    p = [quantities(item)["epoch"].p_slower for item in judged]
    assert p == [2**-12, 2 * 2**-8]
    # Beside a case that is not slower, it has half the rate: 2 * 0.0078 is above 1 %.
    judged = judge_cases(plan, [*pairs([-0.1] * 12, numpy), *pairs(weak, keras)], {})
    assert [item.verdict for item in judged] == ["faster", "undecided"]


def test_unmeasured_case_counts_in_the_family():
    plan = comparison("keras", "numpy")
    records = pairs([-0.01, *[0.1] * 7], case("numpy"))
    (judged,) = judge_cases(plan, records, {})
    assert (judged.name, judged.verdict) == ("numpy", "undecided")
    (alone,) = judge_cases(comparison("numpy"), records, {})
    assert alone.verdict == "slower"


def test_cases_are_in_plan_order():
    records = [*pairs(SAME, case("numpy")), *pairs(SAME, case("keras"))]
    judged = judge_cases(comparison("keras", "numpy"), records, {})
    assert [item.name for item in judged] == ["keras", "numpy"]


def test_two_files_are_one_case():
    plan = comparison(pairings=(Pairing(case("old"), case("new")),))
    records = [
        record
        for number in range(1, 21)
        for record in (
            side("base", number, case("old"), 0.5),
            side("candidate", number, case("new"), 0.6),
        )
    ]
    (judged,) = judge_cases(plan, records, {})
    assert (judged.name, judged.verdict, judged.pairs) == ("old → new", "slower", 20)


def test_pairs_are_in_order():
    records = [*two(2, 0.2, 0.4)[::-1], *two(1, 0.1, 0.3), *two(3, 0.5, 0.5)[:1]]
    judged = collect_pairs(records)
    assert [(base.round, base.version, candidate.version) for base, candidate in judged] == [
        (1, "base", "candidate"),
        (2, "base", "candidate"),
    ]
    assert math.isclose(min(judged[1][1].epoch_seconds), 0.4)


def written(folder, plan, records):
    store.create_run(folder, plan, "comparison.json")
    store.add_environment(folder, environment())
    for record in records:
        store.append_record(folder, record)
    store.save_looks(folder, LOOKS)
    return folder


def load(folder, plan, *, required=False):
    return load_result(folder, plan, required=required, detect=lambda case: case.pairs / 1000)


def test_result_is_loaded_with_software_and_detectable_slowdown(tmp_path):
    plan, records = comparison(), pairs(SLOWER)
    result = load(written(tmp_path / "one", plan, records), plan)
    (judged,) = result.cases
    assert replace(judged, detectable=None) == judge_cases(plan, records, LOOKS)[0]
    assert judged.detectable == 0.02
    assert (result.baseline.name, result.candidate.name) == ("main", ".")
    assert result.baseline.software["torch"] == result.candidate.software["torch"] == "2.9.1"
    assert (result.rule, result.gated, result.exit_status) == (plan.rule, ("epoch",), 1)


def test_absent_implementations_are_missing_on_their_side(tmp_path):
    absent = (Absent("new", "not in main"), Absent("old", "not in ."))
    plan = comparison(pairings=(), absent=absent)
    result = load(tmp_path / "nothing", plan)
    assert [(judged.name, judged.verdict) for judged in result.cases] == [
        ("new", "missing in baseline"),
        ("old", "missing in candidate"),
    ]
    assert result.exit_status == 0
    assert load(tmp_path / "nothing", plan, required=True).exit_status == 4


def test_record_of_an_unknown_case_is_refused(tmp_path):
    folder = written(tmp_path / "one", comparison(), pairs(SAME, case("keras")))
    with pytest.raises(UserError, match=r"trial p1-base-sgd-keras"):
        load(folder, comparison())


def test_case_unavailable_on_both_sides():
    records = [
        bad(version, 0, status="unavailable", reason="no GPU") for version in ("base", "candidate")
    ]
    judged = one(records)
    assert (judged.verdict, judged.pairs) == ("unavailable", 0)
    assert judged.remarks == ("base: unavailable: no GPU", "candidate: unavailable: no GPU")


METRIC = {metric.name: metric for metric in METRICS}
RECORD = ok(case(), epoch_seconds=[0.4, 0.2, 0.3, 0.8, 0.6])


# The 90th percentile of five values lies after 0.9 * 4 = 3.6 gaps: 0.6 + 0.6 * (0.8 - 0.6).
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("epoch", 0.2),
        ("median epoch", 0.4),
        ("90 % epoch", 0.72),
        ("first-epoch", 3.0),
        ("set-up", 0.25),
        ("import", 2.0),
        ("memory", 512 * 2**20),
    ],
)
def test_metric_is_read_from_its_record(name, value):
    assert METRIC[name].value(RECORD) == pytest.approx(value)
