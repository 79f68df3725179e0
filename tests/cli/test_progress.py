"""The plan of a run is printed, and a line for each trial."""

import datetime as dt

from rich.console import Console
from rich.table import Table
from support.records import bare, case, ok, run, write

from bench.cli import progress
from bench.cli.progress import RunProgress, format_end, format_start, print_plan
from bench.records.schema import StoppingRule, Trial
from bench.runner.events import Transient, TrialEnded, TrialStarted
from bench.runner.loop import Estimate


def test_plan_counts_the_rounds_of_every_case(capsys, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    probe = {"workload": "roofline", "batch_size": 0, "samples": 0, "epochs": 0}
    planned = run(
        case("a"),
        sweep=(case("a", batch_size=9600),),
        rounds={"sgd": 3},
        rooflines=(case("roofline-jax", threads=1, **probe),),
        textbook=(case("textbook-keras", **probe | {"workload": "textbook"}),),
    )
    print_plan(planned)
    _, *table, last = capsys.readouterr().out.splitlines()
    lines = [line.split() for line in table]
    assert lines == [
        ["sgd", "a", "cpu", "32", "2", "48,000", "5", "3"],
        ["sgd", "a", "cpu", "9,600", "2", "48,000", "5", "1"],
        ["roofline", "roofline-jax", "cpu", "—", "1", "—", "—", "1"],
        ["textbook", "textbook-keras", "cpu", "—", "2", "—", "—", "1"],
    ]
    assert last == "6 trials, estimated time unknown, without an earlier run"


def test_events_become_lines_and_tell_the_time_left(tmp_path):
    record = ok(case("jax"), wall_seconds=12.0)
    trial = Trial("r1-x", "trial", 1, case("jax"))
    events = [
        Transient("importing jax once, unmeasured"),
        TrialStarted(trial, 1, 3, (trial, trial, trial)),
        TrialEnded(record, 1, 3),
        "a host was lost",
        TrialStarted(trial, 2, 3, (trial, trial)),
        TrialStarted(trial, 2, 3, (trial, trial), budget=20.0),
    ]
    folder = write(tmp_path / "run", run(case("jax"), case("b")))  # of which b is not tried
    show = RunProgress(Estimate(), folder).format
    lines = [line for event in events for line in show(event)]
    transient = [isinstance(line, Transient) for line in lines]
    assert transient == [True, True, False, False, True, True]
    assert "all by an unknown time" in lines[1]
    assert "2 of 3: jax (about 12 s)" in lines[4]
    begin = dt.datetime.now().astimezone()
    assert read_end(lines[4]) in {f"{begin + dt.timedelta(seconds=n):%H:%M}" for n in (23, 24)}
    assert read_end(lines[5]) in {f"{begin + dt.timedelta(seconds=n):%H:%M}" for n in (19, 20)}


def read_end(line):
    return line.partition("all by about ")[2][:5]


def test_started_trial_names_its_round():
    trial = Trial("r2-x", "trial", 2, case("jax", threads=1))
    assert format_start(trial, 3, 16).startswith("sgd, process 2, 1 thread, 3 of 16: jax\n")
    probe = Trial("r1-x", "roofline", 1, case("roofline-jax", threads=1))
    assert format_start(probe, 3, 4).startswith("roofline, 3 of 4: roofline-jax\n")


def test_ended_probe_and_textbook_program_have_their_own_numbers():
    probe_case = case("roofline-numpy", workload="roofline", threads=1, batch_size=0, samples=0)
    probe = bare(
        probe_case,
        kind="roofline",
        status="ok",
        wall_seconds=3.0,
        product_operations=2 * 10**9,
        product_seconds=[0.5, 0.02],
    )
    line = " ".join(format_end(probe, 3, 7).split())
    assert line == "roofline, 3 of 7 roofline-numpy t1 100 GFLOP/s took 3 s"
    trained = format_end(ok(case(), 1, 0.5), 1, 1)
    assert trained.endswith("epoch   500 ms  parity error 1.5 × 10⁻⁶  took 12 s")
    program = bare(
        case("textbook-keras"),
        kind="textbook",
        status="ok",
        wall_seconds=70.4,
        quantities={"validation_accuracy": 0.8495, "validation_loss": None, "training_loss_1": 0.6},
    )
    assert format_end(program, 7, 7).endswith(
        "validation accuracy 0.8495, validation loss —  took 1 min 10 s"
    )


def test_plan_names_the_threads_that_are_tried_and_the_rule(capsys, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    planned = run(
        case("a", threads=1),
        variants=(case("a", threads=2),),
        rounds={"sgd": 5},
        stopping=StoppingRule(least_rounds=3, precision=0.05),
        budget=600.0,
    )
    print_plan(planned)
    line, variant, rule, budget = capsys.readouterr().out.splitlines()[1:]
    assert line.split() == ["sgd", "a", "cpu", "32", "1", "48,000", "5", "3", "to", "5"]
    assert variant.split() == ["sgd", "a", "cpu", "32", "2", "48,000", "5", "0", "to", "2"]
    assert rule.startswith("at most 7 trials")
    assert "5.0 %" in rule
    assert "10 min" in budget


def test_table_replaces_the_lines_of_trials_that_succeed(tmp_path, monkeypatch):
    good, bad = ok(case("jax"), wall_seconds=12.0), bare(case("b"), reason="wrong")
    folder = write(tmp_path / "run", run(case("jax"), case("b")))
    events = [TrialEnded(good, 1, 2), TrialEnded(bad, 2, 2)]
    monkeypatch.setattr(progress, "stdout", Console(force_terminal=True))
    show = RunProgress(Estimate(), folder).format
    table, line, again = [line for event in events for line in show(event)]
    assert isinstance(table, Table)
    assert isinstance(again, Table)
    assert line.endswith("failed: wrong")


def test_piped_output_has_a_table_once_all_rows_were_tried(tmp_path):
    # The textbook's programs have the name of its workload, and no row.
    records = [ok(case("program", workload="textbook"), kind="textbook", quantities={})]
    cases = [case("jax", workload="textbook"), case("b", workload="textbook")]
    records += [ok(one, number) for number in (1, 2) for one in cases]
    plan = run(*cases, rounds={"textbook": 2})
    folder = write(tmp_path / "run", plan)
    show, lines = RunProgress(Estimate(), folder).format, []
    for number, record in enumerate(records, 1):
        lines += show(TrialEnded(record, number, 5))
    is_table = [isinstance(line, Table) for line in lines]
    assert is_table == [False, False, False, True, False, False]
