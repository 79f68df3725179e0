"""How the result of ``bench ab`` is shown in every format."""

import dataclasses
import json
import math

import pytest
from support.comparisons import bad, comparison, pairs, side
from support.records import case

from bench.analysis.intervals import Interval
from bench.records.schema import Parity
from bench.regression.programs.judge_pairs import judge_cases
from bench.regression.result import (
    TIMED,
    CaseComparison,
    ComparedVersion,
    ComparisonResult,
    MetricComparison,
)
from bench.report.regression.output import format_output
from bench.report.regression.verdicts import build_output, describe_software_changes, format_change

SLOWER, FASTER, SAME, NOISY = [0.1] * 20, [-0.1] * 20, [0.001, -0.001] * 10, [0.2, -0.2] * 10
SOFTWARE = {"torch": "2.9", "jax": "1", "keras": "3"}, {"torch": "2.10", "jax": "1", "numba": "0.6"}


def live_result(records, plan=None, extra=(), **changes):
    """Return the result of ``bench ab`` for these records."""
    plan = plan or comparison()
    return ComparisonResult(
        "softmax-bench ab",
        ComparedVersion("main", software=SOFTWARE[0]),
        ComparedVersion(".", software=SOFTWARE[1]),
        plan.rule,
        [*judge_cases(plan, records, {}), *extra],
        gated=("epoch", *plan.gates),
        **changes,
    )


@pytest.fixture
def live():
    """Return a live comparison with every verdict."""
    names = ["slower", "faster", "same", "noisy", "one pair", "wrong", "failed", "absent"]
    cases = {name: case(name) for name in names}
    records = [
        *pairs(SLOWER, cases["slower"]),
        *pairs(FASTER, cases["faster"]),
        *pairs(SAME, cases["same"]),
        *pairs(NOISY, cases["noisy"]),
        *pairs([0.0], cases["one pair"], peak_rss_bytes=None),
        *pairs(SAME, cases["wrong"])[:1],
        bad("candidate", 1, cases["wrong"], parity=Parity(0.5, 1e-5, passed=False)),
        bad("base", 0, cases["failed"]),
        *(
            bad(side, 0, cases["absent"], status="unavailable", reason="no GPU")
            for side in ("base", "candidate")
        ),
    ]
    missing = CaseComparison("jax", "", "missing in baseline", remarks=("not in main",))
    return live_result(records, comparison(*names, gates=("memory",)), extra=[missing])


def lines(result):
    """Return the lines of the first table as dictionaries, by the name of the case."""
    table = build_output(result).tables[0]
    return {line[0]: dict(zip(table.headings, line, strict=True)) for line in table.lines}


def test_line_of_a_live_case_has_its_verdict_and_basis(live):
    # 0.5 s * exp(0.1) = 0.5526 s.
    assert lines(live)["slower"] == {
        "case": "slower",
        "verdict": "slower",
        "baseline": "500 ms",
        "candidate": "553 ms",
        "difference": "+10.5 % [+10.5, +10.5]",
        "measured": "20 pairs",
        "accuracy": "0.8396",
        "parity error": "1.5 × 10⁻⁶",
    }


def test_worst_case_comes_first_and_no_cell_is_blank(live):
    tables = build_output(live).tables
    assert (tables[0].lines[0][1], tables[0].lines[-1][1]) == ("wrong", "unavailable")
    for table in tables:
        assert {len(line) for line in table.lines} == {len(table.headings)}
        assert all(cell.strip() for line in table.lines for cell in line)


def test_other_metrics_have_their_own_units_and_verdicts(live):
    metrics = {tuple(line[:2]): line[2:] for line in build_output(live).tables[1].lines}
    assert metrics["same", "memory"] == ["512 MiB", "512 MiB", "+0.0 % [+0.0, +0.0]", "no change"]
    assert metrics["same", "first-epoch"][-1] == "not judged"


def test_open_median_is_remarked():
    # The third epoch decides the median: of the candidate it jumps by 5 %, on either side.
    records = [
        side(version, number, case("numpy"), 1.0, epoch_seconds=[0.5, 0.5, middle, 1.5, 1.5])
        for number in range(1, 21)
        for version, middle in (("base", 1.0), ("candidate", 1.05 if number % 2 else 0.95))
    ]
    output = build_output(live_result(records))
    assert output.tables[0].lines[0][1].startswith("undecided (about ")
    (remark,) = [line for line in output.remarks if "median" in line]
    assert "may have changed by more than the tolerance: " in remark


def undecided(more=(), pairs=20):
    metrics = [
        MetricComparison("epoch", "seconds", 0.5, 0.5, Interval(1.01), more_pairs=number)
        for number in more
    ]
    return CaseComparison("numpy", "slug", "undecided", metrics=tuple(metrics), pairs=pairs)


@pytest.mark.parametrize(
    ("case", "text"),
    [
        (undecided([60, None, 1234]), "undecided (about 1,234 more pairs)"),
        (undecided([None]), "undecided"),
        (undecided(pairs=0), "undecided (no pair fits into the time; raise --budget)"),
    ],
)
def test_undecided_case_says_how_many_more_pairs_it_takes(case, text):
    assert lines(live_result([], extra=[case]))["numpy"]["verdict"] == text


@pytest.mark.parametrize(
    ("ratio", "text"),
    [
        (Interval(1.05, 1.02, 1.081), "+5.0 % [+2.0, +8.1]"),
        (Interval(1.05), "+5.0 %"),
        (Interval(12.34), "12.3 times"),
        (Interval(2.0, 0.5, 442413.0), "+100.0 % [-50.0 %, 442,000 times]"),
    ],
)
def test_ratio_is_shown_in_percent_and_from_10_on_as_a_factor(ratio, text):
    assert format_change(ratio) == text


def test_remarks_name_faults_and_software(live):
    remarks = build_output(live).remarks
    assert "failed: baseline: failed: it stumbled" in remarks
    assert remarks[0].startswith("Differs: torch 2.9 → 2.10, keras 3 → absent")


@pytest.mark.parametrize(
    ("least", "words"),
    [(0.0234, "20 pairs (50 s) detect a slowdown of about 2.3 % with"), (math.inf, "however")],
)
def test_detectable_slowdown_of_pairs_is_a_remark(least, words):
    case = CaseComparison(
        "numpy", "slug", "no change", pairs=20, pair_seconds=2.5, detectable=least
    )
    output = build_output(live_result([], extra=[case]))
    assert words in output.remarks[-1]
    (document,) = json.loads(format_output(output, "json"))["cases"]
    assert document["detectable"] == (least if math.isfinite(least) else None)


def test_software_is_not_compared_if_one_side_is_unknown():
    assert describe_software_changes({}, {"torch": "1"}) == []
    assert describe_software_changes({"torch": "1"}, {"torch": "1"}) == []
    many = {f"p{number}": "1" for number in range(12)}
    changes = describe_software_changes({"torch": "1"}, {"torch": "2", **many})
    assert (changes[0], changes[1], changes[-1]) == (
        "torch 1 → 2",
        "p0 absent → 1",
        "3 more packages",
    )


def test_annotations_are_of_every_case_but_the_unchanged(live):
    output = build_output(live)
    assert {(note.level, note.title) for note in output.annotations} == {
        ("error", "softmax-bench ab: wrong: wrong"),
        ("error", "softmax-bench ab: slower: slower"),
        ("error", "softmax-bench ab: failed: failed"),
        ("warning", "softmax-bench ab: jax: missing in baseline"),
        ("warning", "softmax-bench ab: noisy: undecided"),
        ("warning", "softmax-bench ab: one pair: undecided"),
        ("notice", "softmax-bench ab: faster: faster"),
        ("notice", "softmax-bench ab: absent: unavailable"),
    }
    messages = {note.title: note.message for note in output.annotations}
    assert messages["softmax-bench ab: slower: slower"] == (
        "minimum epoch +10.5 % [+10.5, +10.5]; memory +0.0 % [+0.0, +0.0]; 20 pairs"
    )
    assert messages["softmax-bench ab: failed: failed"] == "baseline: failed: it stumbled"


def test_refusal_is_all_that_is_shown(live):
    output = build_output(dataclasses.replace(live, refusal="no"))
    assert (output.opening, output.tables, output.remarks) == (["no"], [], [])
    assert ("error", "softmax-bench ab", "no") in output.annotations
    assert output.document["refusal"] == "no"


def judged(verdict, change=0.0, unit="seconds", name="a", remarks=()):
    """Return a case whose time, or memory, changed by a share, give or take one percent."""
    ratio = Interval(1 + change, 0.99 + change, 1.01 + change)
    metric = MetricComparison("time", unit, 1.0, 1.0, ratio, verdict=verdict)
    metrics = (metric,) if verdict in TIMED else ()
    return CaseComparison(name, name, verdict, metrics, remarks, pairs=20)


SLOW, SAME_TIME = judged("slower", 0.082), judged("no change")
NEW, GONE = judged("missing in baseline"), judged("missing in candidate")
WORST_OF_TWO = "❌ 2 of 3 cases: slower, the most b +12.0 % [+11.0, +13.0]"
ONLY_OLD = "❌ 1 of 2 cases: missing in candidate, such as a"


@pytest.mark.parametrize(
    ("cases", "changes", "heading"),
    [
        ([SLOW], {}, "❌ a is 8.2 % slower [+7.2, +9.2]"),
        ([judged("slower", 0.082, "bytes")], {}, "❌ a needs 8.2 % more memory [+7.2, +9.2]"),
        ([judged("faster", -0.05)], {}, "✅ a is 5.0 % faster [-6.0, -4.0]"),
        ([SAME_TIME], {}, "✅ a shows no change of the time: +0.0 % [-1.0, +1.0]"),
        ([judged("undecided")], {}, "❔ a is undecided: +0.0 % [-1.0, +1.0]"),
        ([judged("failed", remarks=("it broke",))], {}, "❌ a failed: it broke"),
        ([undecided([7])], {}, "❔ numpy is undecided (about 7 more pairs)"),
        ([SLOW, judged("slower", 0.12, name="b"), SAME_TIME], {}, WORST_OF_TWO),
        ([NEW, SAME_TIME], {}, "✅ 1 of 2 cases: no change, the most a +0.0 % [-1.0, +1.0]"),
        ([GONE, SAME_TIME], {"allow_missing": False}, ONLY_OLD),
        ([SAME_TIME], {"refusal": "no"}, "❌ not compared"),
        ([], {}, "❌ nothing was measured"),
        ([], {"allow_nothing": True}, "✅ nothing was measured"),
    ],
)
def test_heading_is_the_worst_verdict_that_matters(cases, changes, heading):
    output = build_output(live_result([], extra=cases, **changes))
    assert " ".join(filter(None, output.heading)) == heading


def test_sides_are_named_with_their_variables(live):
    candidate = ComparedVersion(".", "0123456789", env={"XLA_FLAGS": "--a --b"}, host="2 cores")
    output = build_output(dataclasses.replace(live, candidate=candidate))
    assert output.tables[0].title == ". with 'XLA_FLAGS=--a --b' compared with main"
    assert output.setting == "main → . with 'XLA_FLAGS=--a --b' (01234567), measured on 2 cores"
    sides = [output.document[side]["env"] for side in ("baseline", "candidate")]
    assert sides == [{}, {"XLA_FLAGS": "--a --b"}]


def test_document_has_all_numbers_as_they_are(live):
    document = json.loads(format_output(build_output(live), "json"))
    assert (document["format"], document["command"], document["status"]) == (
        6,
        "softmax-bench ab",
        1,
    )
    assert (document["baseline"]["name"], document["candidate"]["name"]) == ("main", ".")
    assert (document["tolerance"], document["alpha"], document["family"]) == (0.02, 0.01, 16)
    changed = {"torch": ["2.9", "2.10"], "keras": ["3", None], "numba": [None, "0.6"]}
    assert document["software"] == changed
    slower = document["cases"][0]
    assert (slower["name"], slower["case"], slower["pairs"]) == ("slower", case("slower").slug, 20)
    assert slower["metrics"][0] == {
        "name": "epoch",
        "unit": "seconds",
        "verdict": "slower",
        "baseline": 0.5,
        "candidate": pytest.approx(0.5 * math.exp(0.1)),
        "ratio": pytest.approx(math.exp(0.1)),
        "low": pytest.approx(math.exp(0.1)),
        "high": pytest.approx(math.exp(0.1)),
        "p_slower": 2**-20,
        "p_faster": 1.0,
        "more_pairs": None,
        "statistic": "minimum",
    }
