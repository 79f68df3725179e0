"""How a comparison of two versions is shown: lines by hand, no cell blank, JSON as it is."""

import json
import math

import pytest
from support.comparisons import bad, comparison, pairs, side, told, two
from support.records import case

from bench.analysis.intervals import Interval
from bench.records.schema import Parity
from bench.regression.paired.metrics import EPOCH
from bench.regression.paired.plan import Absent, Pairing
from bench.regression.paired.result import Finding, Measured, findings
from bench.report.regression import paired
from bench.report.regression.github import Annotation

SLOWER, FASTER, SAME, NOISY = [0.1] * 20, [-0.1] * 20, [0.001, -0.001] * 10, [0.2, -0.2] * 10
NOTHING = (None, None)


def one(records, plan=None):
    (found,) = findings(plan or comparison(), records, {})
    return found


def cells(found, plan=None):
    (line,) = paired.table(plan or comparison(), [found]).lines
    return line


def test_a_line_has_the_verdict_and_what_it_rests_on():
    table = paired.table(comparison(), [one(pairs(SLOWER))])
    assert table.title == ". against main"
    assert table.headings == ("implementation", "verdict", "base", "candidate", "difference",
                              "pairs", "accuracy", "parity error")  # fmt: skip
    # exp(0.1) is 1.10517, and half a second times that 0.5526.
    assert table.lines == [[
        "numpy", "slower", "500 ms", "553 ms", "+10.5 % [+10.5, +10.5]", "20", "0.8396", "1.5e-06",
    ]]  # fmt: skip
    assert table.numeric == {2, 3, 4, 5, 6, 7}


def test_the_note_says_what_was_judged_and_how():
    assert paired.table(comparison(), []).note == (
        "Judged: epoch; of epochs, the least of each process. Slower: that there is no slowdown is "
        "refuted at 1 % for 1 judged together, and the estimate is above 2 %."
    )
    plan = comparison("numpy", "keras", gates=("memory", "import"), tolerance=0.005, alpha=0.05)
    note = paired.table(plan, []).note
    assert note.startswith("Judged: epoch and memory and import; ")
    assert "at 5 % for 6 judged together" in note
    assert note.endswith("above 0.5 %.")


@pytest.mark.parametrize(
    ("logs", "verdict"), [(SLOWER, "slower"), (FASTER, "faster"), (SAME, "no change")]
)
def test_a_verdict_is_its_word(logs, verdict):
    assert cells(one(pairs(logs)))[1] == verdict


def finding(*measured, outcome="undecided", pairs=20):
    return Finding(comparison().pairings[0], outcome, pairs, measured, NOTHING, NOTHING)


def measure(more, verdict="undecided", ratio=1.01):
    return Measured(EPOCH, 0.5, 0.505, told(ratio, 0.98, 1.04), verdict, more)


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (finding(measure(60)), "undecided (about 60 more pairs)"),
        (finding(measure(1234)), "undecided (about 1,234 more pairs)"),
        (finding(measure(60), measure(None), measure(90)), "undecided (about 90 more pairs)"),
        (finding(measure(None)), "undecided"),
        (finding(pairs=0), "undecided (no pair fits into the time; raise --budget)"),
        (finding(measure(60), outcome="slower"), "slower"),
    ],
)
def test_of_what_is_undecided_it_is_said_how_many_more_pairs_it_takes(found, said):
    assert cells(found)[1] == said


def test_what_the_two_versions_have_alike_is_shown_once():
    accuracy = {"base": 0.8396, "candidate": 0.8401}
    records = [side(version, 1, case("numpy"), 0.5, validation_accuracy=[0.1] * 4 + [share])
               for version, share in accuracy.items()]  # fmt: skip
    line = cells(one(records))
    assert line[6:] == ["0.8396 → 0.8401", "1.5e-06"]


@pytest.mark.parametrize(
    ("sides", "text"),
    [((None, None), "—"), ((0.5, 0.5), "0.5000"), ((0.50001, 0.5), "0.5000"),
     ((0.5, None), "0.5000 → —"), ((None, 0.5), "— → 0.5000")],
)  # fmt: skip
def test_two_sides_are_an_arrow_apart(sides, text):
    assert paired.both(sides, lambda one: "—" if one is None else f"{one:.4f}") == text


@pytest.mark.parametrize(
    ("ratio", "text"),
    [
        (Interval(1.05, 1.02, 1.081), "+5.0 % [+2.0, +8.1]"),
        (Interval(0.9, 0.85, 0.999), "-10.0 % [-15.0, -0.1]"), (Interval(1.05), "+5.0 %"),
        (Interval(2.0, 1.5, 3.0), "+100.0 % [+50.0, +200.0]"),
        (Interval(1.0, 1.0, 1.0), "+0.0 % [+0.0, +0.0]"),
    ],
)  # fmt: skip
def test_a_ratio_is_shown_as_a_difference_in_percent(ratio, text):
    assert paired.change(ratio) == text


def outcomes():
    """Return a plan, and findings of every kind there is."""
    names = ["slower", "faster", "same", "noisy", "one pair", "wrong", "failed", "interrupted"]
    plan = comparison(*names, gates=("memory",), absent=(Absent("jax", "is not in main"),))
    cases = {name: case(name) for name in names}
    records = [
        *pairs(SLOWER, cases["slower"]), *pairs(FASTER, cases["faster"]),
        *pairs(SAME, cases["same"]), *pairs(NOISY, cases["noisy"]),
        *pairs([0.0], cases["one pair"], peak_rss_bytes=None),
        *pairs(SAME, cases["wrong"])[:1],
        bad("candidate", 1, cases["wrong"], reason="off by half",
            parity=Parity(0.5, 1e-5, passed=False)),
        bad("base", 0, cases["failed"]),
        bad("base", 0, cases["interrupted"], status="interrupted", reason=None),
    ]  # fmt: skip
    return plan, findings(plan, records, {})


def test_no_cell_is_blank_whatever_was_found():
    plan, found = outcomes()
    assert len(found) == 8
    table, other = paired.table(plan, found), paired.beside(found)
    assert len(table.lines) == 9
    for each in (table, other):
        assert each.lines
        for line in each.lines:
            assert len(line) == len(each.headings)
            assert all(cell.strip() for cell in line)


def test_what_has_nothing_to_be_compared_with_has_a_line_with_the_reason():
    plan = comparison(absent=(Absent("jax", "is not in main"),))
    assert paired.table(plan, []).lines == [["jax", "missing: is not in main", *["—"] * 6]]


def test_what_was_never_measured_has_dashes():
    assert cells(one([bad("base", 0)])) == [
        "numpy", "failed", "—", "—", "—", "0", "—", "—",
    ]  # fmt: skip


def test_the_other_quantities_stand_beside_with_their_own_units():
    found = one(pairs(SAME), comparison(gates=("memory",)))
    table = paired.beside([found])
    assert [line[1] for line in table.lines] == [
        "median epoch", "90 % epoch", "first-epoch", "set-up", "import", "memory",
    ]  # fmt: skip
    assert table.lines[2] == ["numpy", "first-epoch", "3.00 s", "3.00 s", "+0.0 % [+0.0, +0.0]",
                              "not judged"]  # fmt: skip
    assert table.lines[5] == ["numpy", "memory", "512 MiB", "512 MiB", "+0.0 % [+0.0, +0.0]",
                              "no change"]  # fmt: skip


def test_remarks_say_what_differs_what_went_wrong_and_what_is_seen():
    found = [one(pairs(SAME)), one([bad("base", 0)])]
    assert paired.remarks(found[:1], {"numpy": 0.0234}, ["torch 2.9 → 2.10", "jax 1 → 2"]) == [
        "Differs: torch 2.9 → 2.10, jax 1 → 2.",
        "numpy: on this machine, 20 pairs see 2.3 %.",
    ]
    assert paired.remarks(found[1:], {}, []) == ["numpy: base: failed: it stumbled"]
    assert paired.remarks(found[:1], {"numpy": None}, []) == []


def test_a_family_that_is_too_large_for_the_pairs_is_said_to_see_nothing():
    assert paired.remarks([one(pairs(SAME))], {"numpy": math.inf}, []) == [
        "numpy: on this machine, 20 pairs see no slowdown, however large."
    ]


def test_github_is_told_of_every_case_that_is_not_as_it_was():
    _, found = outcomes()
    annotations = {each.title: each for each in paired.annotations(found)}
    assert {title: each.level for title, each in annotations.items()} == {
        "bench ab: slower: slower": "error", "bench ab: wrong: wrong": "error",
        "bench ab: failed: failed": "error", "bench ab: noisy: undecided": "warning",
        "bench ab: one pair: undecided": "warning", "bench ab: faster: faster": "notice",
        "bench ab: interrupted: undecided": "warning",
    }  # fmt: skip
    assert annotations["bench ab: slower: slower"] == Annotation(
        "error", "bench ab: slower: slower",
        "epoch +10.5 % [+10.5, +10.5]; memory +0.0 % [+0.0, +0.0]; 20 pairs",
    )  # fmt: skip
    assert annotations["bench ab: failed: failed"].message == "0 pairs; base: failed: it stumbled"


def test_a_look_is_told_in_a_line():
    found = one(pairs(SLOWER))
    assert paired.line(found) == "numpy: slower; epoch +10.5 % [+10.5, +10.5]; 20 pairs"


def test_the_document_has_the_numbers_as_they_are():
    plan = comparison(gates=("memory",), absent=(Absent("jax", "is not in main"),))
    found = one(pairs(SLOWER), plan)
    document = paired.document(plan, [found])
    assert json.loads(json.dumps(document, allow_nan=False)) == document
    assert (document["base"], document["candidate"]) == ("main", ".")
    assert (document["tolerance"], document["alpha"], document["family"]) == (0.02, 0.01, 2)
    assert document["absent"] == [{"implementation": "jax", "reason": "is not in main"}]
    (of_numpy,) = document["cases"]
    quantities = {each.pop("name"): each for each in of_numpy.pop("quantities")}
    assert of_numpy == {
        "implementation": "numpy", "case": case("numpy").slug, "verdict": "slower", "pairs": 20,
        "reasons": [], "accuracy": pytest.approx([0.8396, 0.8396]), "parity_error": [1.5e-6] * 2,
    }  # fmt: skip
    assert quantities["epoch"] == {
        "unit": "seconds", "verdict": "slower", "base": 0.5, "pairs": 20, "more_pairs": None,
        "candidate": pytest.approx(0.5 * math.exp(0.1)), "ratio": pytest.approx(math.exp(0.1)),
        "low": pytest.approx(math.exp(0.1)), "high": pytest.approx(math.exp(0.1)),
        "p_slower": 2**-20, "p_faster": 1.0,
    }  # fmt: skip
    assert quantities["memory"]["unit"] == "bytes"
    assert quantities["memory"]["verdict"] == "no change"
    assert quantities["set-up"]["verdict"] is None


def test_a_document_of_everything_that_can_be_found_is_json():
    plan, found = outcomes()
    document = json.loads(json.dumps(paired.document(plan, found), allow_nan=False))
    assert len(document["cases"]) == 8
    (pair,) = [each for each in document["cases"] if each["implementation"] == "one pair"]
    assert (pair["quantities"][0]["low"], pair["quantities"][0]["high"]) == (None, None)


def test_all_of_it_is_shown_together():
    plan, found = outcomes()
    shown = paired.shown(plan, found, {}, ["jax 1 → 2"])
    assert shown.tables == [paired.table(plan, found), paired.beside(found)]
    assert shown.remarks == paired.remarks(found, {}, ["jax 1 → 2"])
    assert shown.annotations == paired.annotations(found)
    assert shown.document == paired.document(plan, found)


def test_where_nothing_differs_it_is_said_how_to_measure_all_the_same():
    (remark,) = paired.shown(comparison(pairings=()), [], {}, []).remarks
    assert remark.startswith("No implementation differs between main and .: nothing was measured;")
    assert paired.shown(comparison(), [], {}, []).remarks == []
    absent = comparison(pairings=(), absent=(Absent("jax", "is not in main"),))
    assert paired.shown(absent, [], {}, []).remarks == []


def test_a_case_of_two_names_is_named_by_both():
    plan = comparison(pairings=(Pairing(case("old"), case("new")),))
    records = [two(1, 0.5, 0.5, case("old"))[0], two(1, 0.5, 0.5, case("new"))[1]]
    assert cells(one(records, plan), plan)[0] == "old → new"
