"""A comparison of stored runs as people and machines read it; the verdicts are not made here."""

import io
import json

import msgspec
import pytest
from rich.console import Console
from support.sides import RULE, series, side

from bench.cli import terminal
from bench.regression.calibration.spread import Spread
from bench.regression.stored.result import Terms, judged
from bench.report.regression import output as shown
from bench.report.regression import stored
from bench.report.regression.github import Annotation
from bench.report.render import text as prose

# Of a ratio of two runs of two processes: sqrt(0.03² + 2 · 0.04²) = 6.4 %.
KNOWN = Spread(epochs=0.5, processes=0.03, blocks=0.04, count=3)
NAMES = ("well", "slow", "unclear", "known", "wrong", "broken", "gone", "new", "absent")


def found_of(base, candidate, *, spreads=None, across=False, undecided_fails=False):
    terms = Terms(RULE, 0.2, across, undecided_fails)
    return judged(base, candidate, (spreads or {}).get, terms)


@pytest.fixture
def mixed():
    """A comparison with every outcome."""
    absent = {"processes": (), "tried": 1, "faults": ("unavailable: no x",), "unavailable": True}
    base = [series(name) for name in NAMES[:7] if name != "wrong"]
    base.append(series("wrong", accuracy=0.9))
    candidate = [
        series("well", 0.5, 0.5), series("slow", 1.5, 1.5), series("wrong", accuracy=0.8),
        series("unclear", 1.1, 1.1, 1.1),
        series("known", 1.1, 1.1),
        series("broken", 1.0, tried=2, faults=("failed: it broke",)), series("new"),
    ]  # fmt: skip
    return found_of(
        side(*base, series("absent", **absent),
             software={"torch": "2.9", "jax": "1", "keras": "3"}),
        side(*candidate, series("absent", **absent), name="new",
             software={"torch": "2.10", "jax": "1", "numba": "0.6"}),
        spreads={"known": KNOWN},
    )  # fmt: skip


def cells(found):
    """Return the cells of each case, by its name and by their headings."""
    table = stored.table(found)
    return {line[0]: dict(zip(table.headings, line, strict=True)) for line in table.lines}


# ----- the table


def test_the_worst_comes_first_and_a_tie_keeps_its_order(mixed):
    shown = [(line[0], line[1]) for line in stored.table(mixed).lines]
    assert shown == [
        ("wrong", "wrong"), ("slow", "slower"), ("broken", "failed"),
        ("new", "missing in baseline"), ("gone", "missing in candidate"),
        ("unclear", "undecided"), ("known", "undecided"), ("well", "faster"),
        ("absent", "unavailable"),
    ]  # fmt: skip


def test_a_line_says_both_times_their_ratio_and_what_it_was_held_against(mixed):
    lines = cells(mixed)
    assert lines["slow"] == {
        "case": "slow", "verdict": "slower", "spread between runs": "no calibration",
        "baseline": "1.00 s", "candidate": "1.50 s", "candidate / baseline": "1.50",
        "processes": "2 / 2",
    }  # fmt: skip
    known = lines["known"]
    assert known["spread between runs"] == "6.4 % (3 blocks)"
    assert known["candidate / baseline"] == "1.10 [0.704, 1.72]"
    assert lines["unclear"]["processes"] == "2 / 3"


def test_what_was_not_compared_has_no_time_and_says_how_many_processes_went_well(mixed):
    lines = cells(mixed)
    for name in ("broken", "new", "gone", "absent"):
        line = lines[name]
        assert {line["baseline"], line["candidate"], line["candidate / baseline"]} == {"—"}
        assert line["spread between runs"] == "—"
    assert lines["broken"]["processes"] == "2 / 1 of 2"
    assert lines["absent"]["processes"] == "0 of 1 / 0 of 1"
    assert lines["new"]["processes"] == "—"
    # Its times are shown, but nothing was held against them.
    assert lines["wrong"]["candidate"] == "1.00 s"
    assert lines["wrong"]["spread between runs"] == "—"


def test_numbers_are_set_flush_right_and_the_title_names_both_sides(mixed):
    table = stored.table(mixed)
    assert table.numeric == {3, 4, 5, 6}
    assert table.title == "new compared with base"


def test_remarks_are_each_cases_own_and_what_differs_in_software(mixed):
    assert stored.remarks(mixed) == [
        "wrong: validation accuracy fell from 0.9000 to 0.8000",
        "broken: candidate: failed: it broke (1 of 2)",
        "unclear: unequal rounds: 2 in the baseline, 3 in the candidate",
        "absent: baseline: unavailable: no x (1 of 1)",
        "absent: candidate: unavailable: no x (1 of 1)",
        # (6.965 + 1.645) * 0.0640: Student's quantile of two degrees of freedom, and the power's.
        "known: on this machine, runs of 2 and 2 processes see 74 %",
        (
            "Differs: torch 2.9 → 2.10, 1 package in the base only: keras, 1 package in the "
            "candidate only: numba."
        ),
        stored.UNDECIDED,
    ]


def test_software_that_one_side_does_not_tell_does_not_differ():
    base, candidate = side(series(), software={"torch": "1"}), side(series())
    assert stored.software(found_of(base, candidate)) == {}
    assert stored.software(found_of(candidate, base)) == {}


def test_verdicts_are_counted_the_worst_first(mixed):
    assert stored.counted(mixed) == (
        "9 cases: 1 wrong, 1 slower, 1 failed, 1 missing in baseline, 1 missing in candidate, "
        "2 undecided, 1 faster, 1 unavailable"
    )
    assert stored.counted(found_of(side(series()), side(series()))) == "1 case: 1 undecided"
    assert stored.counted(found_of(side(), side())) == "0 cases: none"


def split(line):
    return tuple(cell.strip() for cell in line.split("  ") if cell.strip())


def test_the_terminal_shows_the_same_cells(mixed):
    stream = io.StringIO()
    Console(file=stream, width=240).print(terminal.text_table(stored.table(mixed)))
    title, headings, *lines = stream.getvalue().splitlines()
    table = stored.table(mixed)
    assert title.strip() == table.title
    assert split(headings) == table.headings
    assert [split(line) for line in lines] == [tuple(line) for line in table.lines]
    # Numbers end where their heading ends.
    assert {len(line.rstrip()) for line in lines} == {len(headings.rstrip())}


def test_names_from_somebodys_records_are_text_and_no_markup():
    odd = "[red]x[/b] | `y`"
    found = found_of(side(series(odd), name="[b]base"), side(series(odd), name="[/b]"))
    stream = io.StringIO()
    Console(file=stream, width=240).print(terminal.text_table(stored.table(found)))
    assert odd in stream.getvalue()
    assert "[/b] compared with [b]base" in stream.getvalue()
    assert r"| \[red\]x\[/b\] \| \`y\` |" in shown.as_markdown(stored.shown(found))


# ----- the first line


def test_the_first_line_says_that_machines_differ():
    here, there, nowhere = (side(series(), machine=each) for each in ("here", "there", None))
    assert stored.opening(found_of(here, here)) == []
    (line,) = stored.opening(found_of(here, there, across=True))
    assert line.startswith("across machines (measured on different machines)")
    (line,) = stored.opening(found_of(here, nowhere, across=True))
    assert line.startswith("across machines (nothing tells on which machines)")
    found = found_of(here, there)
    assert stored.opening(found) == [found.refusal]


# ----- Markdown


def test_markdown_has_the_table_and_the_remarks(mixed):
    text = shown.as_markdown(stored.shown(mixed))
    assert text.startswith("## new compared with base\n\n| case | verdict |")
    for line in stored.table(mixed).lines:
        assert f"| {' | '.join(map(prose.escape, line))} |\n" in text
    assert f"\n{stored.counted(mixed)}.\n" in text
    for line in stored.remarks(mixed):
        assert f"\n- {prose.escape(line)}\n" in text
    assert text.endswith("\n")
    assert not text.endswith("\n\n")


def test_markdown_says_across_machines_before_the_table_and_a_refusal_has_none():
    here, there = side(series()), side(series(), machine="there")
    text = shown.as_markdown(stored.shown(found_of(here, there, across=True)))
    assert text.index("**across machines") < text.index("| case |")
    refused = shown.as_markdown(stored.shown(found_of(here, there)))
    assert refused.endswith("compares them all the same**\n")
    assert "| case |" not in refused


# ----- GitHub


def test_what_does_not_pass_is_annotated_and_the_rest_is_not(mixed):
    found = stored.annotations(mixed)
    assert [(each.level, each.title) for each in found] == [
        ("error", "bench compare: wrong"), ("error", "bench compare: slow"),
        ("error", "bench compare: broken"), ("warning", "bench compare: new"),
        ("warning", "bench compare: gone"), ("warning", "bench compare: unclear"),
        ("warning", "bench compare: known"),
    ]  # fmt: skip
    messages = {each.title.rpartition(" ")[2]: each.message for each in found}
    assert messages["slow"] == "slower; 1.00 s → 1.50 s, ratio 1.50; no calibration"
    assert messages["known"] == (
        "undecided; 1.00 s → 1.10 s, ratio 1.10 [0.704, 1.72]; 6.4 % (3 blocks)"
    )
    assert messages["broken"] == "failed; candidate: failed: it broke (1 of 2)"
    assert messages["new"] == "missing in baseline"


def test_a_refusal_is_an_error_and_other_machines_are_a_warning():
    here, there = side(series()), side(series("a", 0.5), machine="there")
    found = found_of(here, there)
    assert stored.annotations(found) == [Annotation("error", "bench compare", found.refusal)]
    found = found_of(here, there, across=True)
    assert stored.annotations(found) == [
        Annotation("warning", "bench compare", stored.opening(found)[0])
    ]


# ----- JSON


def written(found):
    return json.loads(msgspec.json.encode(stored.document(found)))


def test_the_document_says_what_was_compared_and_how_it_ends(mixed):
    found = written(mixed)
    cases = found.pop("cases")
    assert found == {
        "format": stored.FORMAT,
        "baseline": {"name": "base", "machine": "here"},
        "candidate": {"name": "new", "machine": "here"},
        "same_machine": True, "tolerance": 0.02, "alpha": 0.01, "between_runs": 0.2,
        "refusal": None, "status": 1,
        "software": {"keras": ["3", None], "numba": [None, "0.6"], "torch": ["2.9", "2.10"]},
    }  # fmt: skip
    assert [each["name"] for each in cases] == [each.name for each in mixed.cases]
    assert {each["name"]: each["verdict"] for each in cases} == {
        each.name: each.outcome for each in mixed.cases
    }


def test_a_case_in_the_document_has_its_numbers_as_they_are(mixed):
    cases = {each["name"]: each for each in written(mixed)["cases"]}
    (known,) = (each for each in mixed.cases if each.name == "known")
    assert cases["known"] == {
        "name": "known", "verdict": "undecided", "seconds": [1.0, known.seconds[1]],
        "ratio": known.ratio.mean, "low": known.ratio.low, "high": known.ratio.high,
        "p_slower": known.difference.slower, "p_faster": known.difference.faster,
        "deviation": pytest.approx(0.0640312), "blocks": 3, "epochs": 1, "processes": [2, 2],
        "tried": [2, 2], "accuracy": [None, None], "remarks": [],
    }  # fmt: skip
    assert known.ratio.low < cases["known"]["ratio"] < known.ratio.high


def test_what_is_unknown_is_null_and_the_keys_are_the_same_for_every_case(mixed):
    cases = {each["name"]: each for each in written(mixed)["cases"]}
    assert len({tuple(each) for each in cases.values()}) == 1
    slow = cases["slow"]
    assert (slow["ratio"], slow["low"], slow["high"]) == (pytest.approx(1.5), None, None)
    unknown = ("p_slower", "p_faster", "deviation", "blocks")
    assert [slow[key] for key in unknown] == [None] * 4
    assert (cases["new"]["ratio"], cases["new"]["seconds"]) == (None, [None, None])
    assert cases["broken"]["remarks"] == ["candidate: failed: it broke (1 of 2)"]


def test_a_refusal_in_the_document_has_no_cases_and_its_status():
    found = written(found_of(side(series()), side(series(), machine=None)))
    assert (found["cases"], found["status"]) == ([], 4)
    assert found["refusal"].startswith("nothing tells whether")
    assert found["same_machine"] is False
    assert found["candidate"]["machine"] is None
