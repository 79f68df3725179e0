"""Tables and lines of the terminal."""

import io
import re

from rich.console import Console
from support.records import bare, case, environment, ok, run, trials

from bench.analysis.summary import summarize
from bench.cli import terminal
from bench.records.schema import Trial
from bench.report.sections import comparison as tables
from bench.runner import plan

HERE = {"here": environment()}


def rows_of(*records):
    return summarize(records, HERE)


def printed(shown, width):
    console = Console(width=width, file=io.StringIO())
    console.print(shown(console) if callable(shown) else shown)
    return console.file.getvalue()


def headings(shown, width):
    text = printed(shown, width)
    assert "…" not in text
    return re.split(" {2,}", text.splitlines()[1].strip())


def test_a_wide_terminal_shows_every_column_and_a_narrow_one_the_most_needed():
    found = rows_of(*trials(case("a-long-name"), 0.5, 0.5))

    def comparison(console):
        return terminal.comparison(console, found, "sgd")

    every = [column.heading for column in tables.COLUMNS]
    assert headings(comparison, 240) == every
    seen = every
    for width in range(240, 33, -3):
        now = headings(comparison, width)
        assert set(now) <= set(seen)
        assert {"implementation", "epoch"} <= set(now)
        seen = now
    assert headings(comparison, 100) == [
        "implementation", "objective", "validation accuracy", "epoch", "× fastest",
        "parity error",
    ]  # fmt: skip
    assert seen == ["implementation", "epoch"]


def test_every_column_but_two_goes_alone():
    priorities = sorted(column.priority for column in tables.COLUMNS)
    assert priorities == [1, *range(1, len(tables.COLUMNS))]


def test_a_terminal_table_has_the_rows_of_its_workload_and_their_words_as_they_are():
    records = [
        *trials(case("[red]x"), 0.5), *trials(case("t", workload="textbook"), 0.5),
        *trials(case("wrong"), 0.5, status="failed"),
    ]  # fmt: skip
    text = printed(lambda console: terminal.comparison(console, rows_of(*records), "sgd"), 240)
    assert text.startswith("workload sgd")
    assert "[red]x" in text
    assert len(text.splitlines()) == 3


def test_faults_are_shown_as_they_are():
    absent = bare(case("absent"), status="unavailable", reason="[red]x")
    text = printed(terminal.faults(rows_of(absent)), 240)
    assert re.search(r"sgd +absent +cpu, batch size 32, .* +unavailable +1 of 1 +\[red\]x", text)


def test_a_line_says_what_is_being_measured():
    trial = Trial("r2-x", "trial", 2, case("jax"))
    expected = "trial 3 of 70: jax (sgd, b32 t2 n48000, round 2), about 3 min 05 s left"
    assert terminal.running(trial, 3, 70, 185).plain == expected
    of = case("ceiling-jax", threads=1, batch_size=0, samples=0)
    probe = Trial("r2-x", "roofline", 2, of)
    expected = "trial 3 of 70: ceiling-jax (cpu, t1), about 3 min 05 s left"
    assert terminal.running(probe, 3, 70, 185).plain == expected
    figure = Trial("r1-x", "textbook", 1, case("figure-keras"))
    expected = "trial 70 of 70: figure-keras, time left unknown"
    assert terminal.running(figure, 70, 70, None).plain == expected


def test_a_line_says_what_a_probe_reached_and_on_how_many_threads():
    of = case("ceiling-numpy", workload="ceiling", threads=1, batch_size=0, samples=0)
    probe = bare(of, kind="roofline", status="ok", wall_seconds=3.0, product_operations=2 * 10**9,
                 product_seconds=[0.5, 0.02])  # fmt: skip
    assert terminal.ended(probe, 3, 7).plain == (
        "3/7  ceiling   ceiling-numpy           t1                100 GFLOP/s  took 3 s"
    )


def test_a_plan_lists_cases_sweep_probes_and_figures_as_often_as_each_is_measured():
    of = {"workload": "ceiling", "batch_size": 0, "samples": 0, "epochs": 0}
    probes = (case("ceiling-jax", threads=2, **of), case("ceiling-jax", threads=1, **of))
    figure = case("figure-keras", **of | {"workload": "figure"})
    planned = run(case("a"), sweep=(case("a", batch_size=9600),), rooflines=probes,
                  textbook=(figure,), rounds={"sgd": 3})  # fmt: skip
    lines = [line.split() for line in printed(terminal.plan(planned), 240).splitlines()[1:]]
    assert lines == [
        ["sgd", "a", "cpu", "32", "2", "48,000", "5", "3"],
        ["sgd", "a", "cpu", "9,600", "2", "48,000", "5", "1"],
        ["ceiling", "ceiling-jax", "cpu", "—", "2", "—", "—", "1"],
        ["ceiling", "ceiling-jax", "cpu", "—", "1", "—", "—", "1"],
        ["figure", "figure-keras", "cpu", "—", "2", "—", "—", "1"],
    ]
    assert sum(int(line[-1]) for line in lines) == len(plan.plan_trials(planned))


def test_a_line_says_how_a_trial_ended():
    # The median of four: 0.4, 0.6, 0.2, 0.9 has 0.5 in its middle, as the table has it.
    good = ok(case("jax"), epoch_seconds=[0.4, 0.6, 0.2, 0.9])
    assert terminal.ended(good, 3, 70).plain == (
        " 3/70  sgd       jax                     b32 t2 n48000     "
        "epoch   500 ms  parity error 1.5e-06  took 12 s"
    )
    wrong = bare(case("jax"), reason="one\nline")
    assert terminal.ended(wrong, 3, 7).plain.endswith(
        "jax                     b32 t2 n48000     failed: one line"
    )
    assert terminal.ended(bare(case()), 3, 7).plain.endswith("failed: ")
    figure = bare(case("figure-keras"), kind="textbook", status="ok", wall_seconds=70.4,
                  quantities={"validation_accuracy": 0.8495, "validation_loss": None})  # fmt: skip
    assert terminal.ended(figure, 7, 7).plain.endswith(
        "figure-keras                              "
        "validation accuracy 0.8495, validation loss —  took 1 min 10 s"
    )
