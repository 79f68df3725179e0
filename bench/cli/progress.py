"""Print the plan of a run, and its trials as they start and end."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from statistics import median

from rich.table import Table

from bench.analysis.summary import list_start
from bench.analysis.textbook import compare_textbook
from bench.cli.console import Transient, format_comparisons, print_line, stdout
from bench.records.schema import (
    Case,
    CommandRecord,
    Record,
    RooflineRecord,
    Run,
    TextbookRecord,
    TraceRecord,
    Trial,
    WarmStartRecord,
)
from bench.report.load import load_run
from bench.report.render import numbers
from bench.runner import loop
from bench.runner.loop import Estimate, read_earlier_records
from bench.runner.planning.pilot import waits_for_pilot
from bench.runner.planning.plan import RESULTS, plan_trials


def print_plan(run: Run) -> None:
    """Print the cases of a run, how often each is measured, and how long all take."""
    headings = ("workload", "implementation", "device", "batch size", "threads", "samples")
    table = Table(*headings, "epochs", "rounds", box=None, pad_edge=False)
    trials = plan_trials(run)
    swept = {case.slug for case in run.sweep}
    for case in (*run.cases, *run.sweep, *run.rooflines, *run.textbook):
        rounds: int | str = run.sweep_rounds if case.slug in swept else 1
        if case in run.cases:
            rounds = run.rounds[case.workload]
            if run.stopping and rounds > run.stopping.least_rounds:
                rounds = f"{run.stopping.least_rounds} to {rounds}"
        sizes = (case.batch_size, case.threads, case.samples, case.epochs)
        cells = [f"{size:,}" if size else numbers.ABSENT for size in sizes]
        if waits_for_pilot(case):
            cells[1] = " or ".join(map(str, case.tried_threads))
        names = (case.workload, case.implementation, case.device)
        table.add_row(*names, *cells, str(rounds))
    stdout.print(table)
    for size in run.skipped:
        print_line(f"not measured: {size.reason}")
    seconds = Estimate(read_earlier_records(RESULTS)).sum_seconds(trials)
    time = (
        "unknown, without an earlier run" if seconds is None else numbers.format_wall_time(seconds)
    )
    if run.stopping is None or run.stopping.least_rounds >= max(run.rounds.values()):
        print_line(f"{len(trials)} trials, estimated time {time}")
    else:
        print_line(
            f"at most {len(trials)} trials, estimated time at most {time}: a row that is told "
            "apart from its neighbours, or whose interval is within "
            f"{numbers.format_percent(run.stopping.precision)}, gets no further process after "
            f"{run.stopping.least_rounds}"
        )
    if max(run.rounds.values()) > 1:
        print_line("programs that leave a compile cache get a warm start, too: 2 processes each")
    if run.budget is not None:
        print_line(f"no trial begins that would exceed {numbers.format_wall_time(run.budget)}")


def format_events(
    events: Iterable[loop.Event], times: Estimate, folder: Path | None = None
) -> Iterator[str | Table]:
    """Yield a line for each event of a run, and text as it is.

    folder: of the run, where a ranked table shows the trials that succeed; None for a line each.
    """
    for event in events:
        match event:
            case str():
                yield event
            case loop.WarmUpStarted(what):
                yield Transient(f"{what} once, unmeasured")
            case loop.TrialStarted(trial, number, total, remaining, budget):
                seconds = times.sum_seconds(remaining, budget)
                yield Transient(format_start(trial, number, total, seconds))
            case loop.TrialEnded(record, number, total):
                times.add(record)
                line = format_end(record, number, total)
                if folder is None or record.status != "ok":
                    yield line
                if folder is not None:
                    rows = [
                        replace(row, provisional=False)  # the screen shows what there is
                        for row in load_run(folder).rows
                        if row.case.workload == record.case.workload
                    ]
                    yield from format_comparisons(rows, stdout.width)


def format_start(trial: Trial, number: int, total: int, remaining: float | None) -> str:
    """Return the line of a trial that starts; remaining: seconds of all that are left."""
    time = "time left unknown"
    if remaining is not None:
        time = f"about {numbers.format_wall_time(remaining)} left"
    case, details = trial.case, ""
    if trial.kind == "roofline":
        details = f" ({case.device}, {_size(case)})"
    elif trial.kind == "trial":
        details = f" ({case.workload}, {_size(case)}, round {trial.round})"
    elif trial.kind == "trace":
        details = f" ({case.workload}, {_size(case)}, a trace, unmeasured)"
    elif trial.kind == "warm-start":
        details = f" ({case.workload}, {_size(case)}, two processes for a warm start)"
    return f"trial {number} of {total}: {case.implementation}{details}, {time}"


def format_end(record: Record, number: int, total: int) -> str:
    """Return the line of a trial that ended."""
    case = record.case
    width = len(str(total))
    size = "" if isinstance(record, TextbookRecord) else _size(case)
    names = f"{case.workload:<8}  {case.implementation:<22}  {size:<16}"
    return f"{number:>{width}}/{total}  {names}  {_result(record)}"


def _size(case: Case) -> str:
    """Return a size as a trial's name has it; a probe of the machine has only threads."""
    parts = (("b", case.batch_size), ("t", case.threads), ("n", case.samples))
    return " ".join(f"{letter}{number}" for letter, number in parts if number)


def _result(record: Record) -> str:
    if record.status != "ok":
        return f"{record.status}: {' '.join((record.reason or '').split())}"
    took = f"took {numbers.format_wall_time(record.wall_seconds or 0)}"
    if isinstance(record, TraceRecord | CommandRecord):
        return f"{record.kind}  {took}"
    if isinstance(record, RooflineRecord):
        rate = (record.product_operations or 0) / min(record.product_seconds) / 1e9
        return f"{numbers.format_number(rate)} GFLOP/s  {took}"
    if isinstance(record, TextbookRecord):
        values = [
            f"{row.quantity.replace('_', ' ')} {numbers.format_share(row.measured)}"
            for row in compare_textbook([record], {})
        ]
        return f"{', '.join(values)}  {took}"
    parity = numbers.format_error(record.parity.error if record.parity else None)
    if isinstance(record, WarmStartRecord):
        start = numbers.format_duration(sum(list_start(record) or ()))
        return f"warm start {start}  parity error {parity}  {took}"
    epoch = numbers.format_duration(median(record.epoch_seconds))
    return f"epoch {epoch:>8}  parity error {parity}  {took}"
