"""The runs of a report: over time, the textbook's figures, noise; cells are worked out by hand."""

import pytest
from support.records import BOX, SERVER, bare, case, numbers_in, plan_of, trials, write

from bench.analysis.intervals import Interval
from bench.analysis.noise import Noise
from bench.analysis.speed import Adjustment
from bench.analysis.textbook import TextbookRow
from bench.report.base.load import load_runs
from bench.report.sections.setting.runs import (
    describe_adjustment,
    describe_environments,
    describe_noise,
    list_noise,
    tabulate_textbook,
)


@pytest.mark.parametrize(
    ("adjustment", "spreads", "words"),
    [
        (Adjustment(), [], ""),
        (Adjustment({"a": {1: 0.5}}, before=0.2, after=0.04), [20, 4], "mean speed"),
        (Adjustment(before=0.02, after=0.03), [2, 3], "not explain"),
    ],
)
def test_adjustment_is_described_with_both_spreads(adjustment, spreads, words):
    sentence = describe_adjustment(adjustment)
    assert (numbers_in(sentence), words in sentence) == (spreads, True)


def test_textbook_figures_are_beside_ours():
    row = TextbookRow("fig", "validation_accuracy", "keras 3", 0.8463, 0.01, 0.8495, 12.0, None)
    table = tabulate_textbook([row])
    cells = {
        "program": "fig",
        "quantity": "validation accuracy",
        "textbook": "0.8463",
        "here": "0.8495",
        "run time, s": "12.0",
        "verdict": "differs by 0.0032: within 0.01",
        "framework": "keras 3",
    }
    assert dict(zip(table.headings, *table.lines, strict=True)) == cells
    assert table.numeric == {2, 3, 4}
    assert tabulate_textbook([row], ["here"]).lines == [["here", *cells.values()]]


def test_noise_has_every_measure():
    noise = Noise(0.25, 0.125, Interval(1.5, 1.25, 2.0), 0.0625, 0.5, 0.75, throttled=3)
    values = [*list_noise(noise).values()]
    assert values == ["25 %", "12 %", "1.50 [1.25, 2.00]", "6.2 %", "50 %", "75 %", "3.00"]
    unknown = [*list_noise(Noise(None, None, None, None, None, None, None)).values()]
    assert unknown == ["—", "—", "unknown", "—", "—", "—", "—"]


def write_night(folder, day, *records, machine=BOX, torch="2.9.1"):
    """Write a run that was started on this day of January."""
    created = f"2025-01-{day:02}T03:04:05+00:00"
    plan = plan_of(*records, run=folder.name, created=created)
    software = {"python": "3.11.7", "distributions": {"torch": torch, "numpy": "2.4"}}
    return write(folder, plan, *records, machine=machine, software=software)


def test_runs_with_the_same_machine_and_software_share_a_table(tmp_path):
    of_env = case("a", env={"A": "1"})
    folders = [
        write_night(tmp_path / "third", 3, *trials(case("a"), 0.3, 0.3), torch="2.10.0"),
        write_night(tmp_path / "first", 1, *trials(case("a"), 0.1, 0.1), *trials(case("b"), 0.5)),
        write_night(tmp_path / "second", 2, *trials(case("a"), 0.2, 0.2), bare(case("b"))),
        write_night(tmp_path / "elsewhere", 2, *trials(case("a"), 0.2), machine=SERVER),
        write_night(tmp_path / "env", 4, *trials(of_env, 0.1)),
    ]
    runs = load_runs(folders)
    # Runs with the same machine and software share a table.
    facts = [table.title.endswith(" and 2 more") for table in describe_environments(runs).tables]
    assert facts == [False, True, False]
    (noise,) = describe_noise(runs).tables
    assert [line[0] for line in noise.lines] == [run.name for run in runs]
