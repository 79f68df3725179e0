"""Results are laid out for the terminal: tables that fit, and a line for each trial."""

import io
import re

from rich.console import Console
from support.records import bare, case, environment, ok, run, trials

from bench.analysis.summary import summarize
from bench.analysis.textbook import TextbookRow
from bench.cli import terminal
from bench.records.schema import Trial
from bench.report.sections.comparison import COLUMNS
from bench.runner import plan
from bench.runner.parity.conformance import Finding

HOST = {"here": environment()}


def printed(content, width=240):
    console = Console(width=width, file=io.StringIO())
    console.print(content)
    return console.file.getvalue()


def comparison(*records, width=240):
    console = Console(width=width, file=io.StringIO())
    console.print(terminal.comparison_table(console, summarize(records, HOST), "sgd"))
    return console.file.getvalue()


def headings(width):
    text = comparison(*trials(case("a-long-name"), 0.5, 0.5), width=width)
    assert "…" not in text
    return re.split(" {2,}", text.splitlines()[1].strip())


def test_narrow_terminal_drops_columns_by_priority():
    previous = headings(240)
    assert previous == [column.heading for column in COLUMNS]
    for width in range(240, 33, -3):
        shown = headings(width)
        assert {"implementation", "epoch"} <= set(shown) <= set(previous)
        previous = shown
    assert previous == ["implementation", "epoch"]


def test_comparison_has_the_rows_of_its_workload_without_markup():
    text = comparison(
        *trials(case("[red]x"), 0.5),
        *trials(case("t", workload="textbook"), 0.5),
        *trials(case("wrong"), 0.5, status="failed"),
    )
    assert text.startswith("workload sgd")
    assert "[red]x" in text
    assert len(text.splitlines()) == 3


def test_run_tables_have_workloads_figures_and_faults():
    records = [*trials(case("good"), 0.5), *trials(case("bad"), 0.5, status="failed")]
    console = Console(width=240)
    rows = summarize(records, HOST)
    figures = [TextbookRow("figure-keras", "accuracy", "3.9", 0.8463, 0.01, 0.8495, 1.0, None)]
    titles = [str(table.title) for table in terminal.run_tables(console, rows, figures)]
    assert titles == ["workload sgd", "the textbook's figures", "failed and unavailable"]
    titles = [str(table.title) for table in terminal.run_tables(console, rows[:1], ())]
    assert titles == ["workload sgd"]


def test_started_trial_names_case_and_remaining_time():
    sgd = Trial("r2-x", "trial", 2, case("jax"))
    line = "trial 3 of 70: jax (sgd, b32 t2 n48000, round 2), about 3 min 05 s left"
    assert terminal.format_start(sgd, 3, 70, 185) == line
    probe = case("ceiling-jax", threads=1, batch_size=0, samples=0)
    line = "trial 3 of 70: ceiling-jax (cpu, t1), about 3 min 05 s left"
    assert terminal.format_start(Trial("r2-x", "roofline", 2, probe), 3, 70, 185) == line
    figure = Trial("r1-x", "textbook", 1, case("figure-keras"))
    line = "trial 70 of 70: figure-keras, time left unknown"
    assert terminal.format_start(figure, 70, 70, None) == line


def test_ended_trial_has_median_epoch_or_reason():
    # The median of 0.2, 0.4, 0.6 and 0.9 is 0.5.
    good = ok(case("jax"), epoch_seconds=[0.4, 0.6, 0.2, 0.9])
    assert terminal.format_end(good, 3, 70) == (
        " 3/70  sgd       jax                     b32 t2 n48000     "
        "epoch   500 ms  parity error 1.5e-06  took 12 s"
    )
    wrong = bare(case("jax"), reason="one\nline")
    assert terminal.format_end(wrong, 3, 7).endswith("b32 t2 n48000     failed: one line")


def test_ended_probe_and_figure_have_their_own_numbers():
    probe_case = case("ceiling-numpy", workload="roofline", threads=1, batch_size=0, samples=0)
    probe = bare(
        probe_case,
        kind="roofline",
        status="ok",
        wall_seconds=3.0,
        product_operations=2 * 10**9,
        product_seconds=[0.5, 0.02],
    )
    assert terminal.format_end(probe, 3, 7) == (
        "3/7  roofline  ceiling-numpy           t1                100 GFLOP/s  took 3 s"
    )
    figure = bare(
        case("figure-keras"),
        kind="textbook",
        status="ok",
        wall_seconds=70.4,
        quantities={"validation_accuracy": 0.8495, "validation_loss": None},
    )
    assert terminal.format_end(figure, 7, 7).endswith(
        "validation accuracy 0.8495, validation loss —  took 1 min 10 s"
    )


def test_plan_counts_the_rounds_of_every_case():
    probe = {"workload": "roofline", "batch_size": 0, "samples": 0, "epochs": 0}
    planned = run(
        case("a"),
        sweep=(case("a", batch_size=9600),),
        rounds={"sgd": 3},
        rooflines=(case("ceiling-jax", threads=1, **probe),),
        textbook=(case("figure-keras", **probe | {"workload": "textbook"}),),
    )
    lines = [line.split() for line in printed(terminal.plan_table(planned)).splitlines()[1:]]
    assert lines == [
        ["sgd", "a", "cpu", "32", "2", "48,000", "5", "3"],
        ["sgd", "a", "cpu", "9,600", "2", "48,000", "5", "1"],
        ["roofline", "ceiling-jax", "cpu", "—", "1", "—", "—", "1"],
        ["textbook", "figure-keras", "cpu", "—", "2", "—", "—", "1"],
    ]
    assert sum(int(line[-1]) for line in lines) == len(plan.plan_trials(planned))


def test_finding_has_parity_error_or_reason():
    good = Finding("digits", "sgd", "cpu", 32, "ok", error=1.5e-6)
    bad = Finding("digits", "sgd", "cpu", 32, "failed", reason="it shuffles")
    assert terminal.format_finding(case("a"), good).endswith("ok           parity error 1.5e-06")
    assert terminal.format_finding(case("a"), bad).endswith("failed       it shuffles")
