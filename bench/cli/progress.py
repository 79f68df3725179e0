"""Print the plan of a run, and its trials as they start and end."""

import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from statistics import median

from rich.table import Table

from bench.analysis.summary import Row
from bench.analysis.textbook import compare_textbook
from bench.cli.console import PIPED_WIDTH, print_line, stdout
from bench.cli.results import format_comparisons
from bench.planning.plan import plan_trials
from bench.planning.threads import TRIES
from bench.records import store
from bench.records.schema import (
    Case,
    Record,
    RooflineRecord,
    Run,
    TextbookRecord,
    Trial,
    TrialRecord,
)
from bench.report.base import numbers
from bench.report.base.load import divide_by_machine
from bench.runner.events import Event, Transient, TrialEnded, TrialStarted
from bench.runner.loop import Estimate, read_earlier_records
from bench.worker.workloads import is_workload


def print_plan(run: Run) -> None:
    """Print the cases of a run, how often each is measured, and how long all take."""
    headings = ("workload", "implementation", "device", "batch size", "threads", "samples")
    table = Table(*headings, "epochs", "rounds", box=None, pad_edge=False)
    trials = plan_trials(run)
    swept = {case.slug for case in run.sweep}
    for case in (*run.cases, *run.variants, *run.sweep, *run.rooflines, *run.textbook):
        rounds: int | str = run.sweep_rounds if case.slug in swept else 1
        if case in run.variants:
            rounds = f"0 to {TRIES}"
        elif case in run.cases:
            rounds = run.rounds[case.workload]
            least = run.stopping.least_rounds if run.stopping else rounds
            rounds = f"{least} to {rounds}" if rounds > least else rounds
        sizes = (case.batch_size, case.threads, case.samples, case.epochs)
        cells = [f"{size:,}" if size else numbers.ABSENT for size in sizes]
        names = (case.workload, case.implementation, case.device)
        table.add_row(*names, *cells, str(rounds))
    stdout.print(table)
    for size in run.skipped:
        print_line(f"not measured: {size.reason}")
    seconds = Estimate(read_earlier_records(store.RESULTS)).sum_seconds(trials)
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
    if run.budget is not None:
        print_line(f"no trial begins that would exceed {numbers.format_wall_time(run.budget)}")


class RunProgress:
    """What is printed of a run's events: a line for each, and text as it is.

    folder: of the run. On a terminal tables show the trials that succeed. Elsewhere each trial has
    a line, and a table follows once all rows of a workload were tried. The records are read once;
    those of the events are added to them.
    """

    def __init__(self, times: Estimate, folder: Path) -> None:
        self._times = times
        self._live = stdout.is_terminal
        self._shown: set[str] = set()
        self._run = RunRecords(folder)

    def format(self, event: Event) -> Iterator[str | Table]:
        """Yield what is printed of an event."""
        match event:
            case str():
                yield event
            case TrialStarted(trial, number, total, remaining, budget):
                times = (
                    self._times.sum_seconds([trial]),
                    self._times.sum_seconds(remaining, budget),
                )
                names = dict.fromkeys(map(name_round, remaining))
                yield Transient(format_start(trial, number, total, *times, [*names][1:2]))
            case TrialEnded(record, number, total):
                self._times.add(record)
                if not self._live or record.status != "ok":
                    yield format_end(record, number, total)
                self._run.add(record)
                if is_workload(record.case.workload):
                    yield from self._tabulate(record.case.workload)

    def _tabulate(self, workload: str) -> Iterator[Table]:
        """Yield the table of a workload, if it is time to."""
        if workload in self._shown:
            return
        rows = [row for row in self._run.list_rows() if row.case.workload == workload]
        if self._live:  # the screen shows what there is
            rows = [replace(row, provisional=False) for row in rows]
        elif rows and not any(row.provisional for row in rows):
            self._shown.add(workload)
        yield from format_comparisons(rows, stdout.width if self._live else PIPED_WIDTH)


class RunRecords:
    """A run's folder in memory: it is read once, and each record that follows is added."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._plan = store.read_run(folder)
        self._contents = store.read_contents(folder)

    def add(self, record: Record) -> None:
        """Add a record, and its environment if it is the first of it."""
        contents = replace(self._contents, records=[*self._contents.records, record])
        if record.environment not in contents.environments:
            contents = replace(contents, environments=store.read_environments(self._folder))
        self._contents = contents

    def list_rows(self) -> Sequence[Row]:
        """Return the rows of all records so far."""
        return divide_by_machine(self._folder, self._plan, self._contents, {})[0].rows


def format_start(
    trial: Trial,
    number: int,
    total: int,
    took: float | None = None,
    left: float | None = None,
    then: Sequence[str] = (),
) -> str:
    """Return the lines of a trial that starts.

    took, left: its seconds, and those of all. Times are of the clock: nothing may tick while a
    trial is measured. then: what follows its round, if anything does.
    """
    case = trial.case
    seconds = "" if took is None else f" (about {numbers.format_wall_time(took)})"
    end = "an unknown time"
    if left is not None:
        end = f"about {dt.datetime.now().astimezone() + dt.timedelta(seconds=left):%H:%M}"
    return (
        f"{name_round(trial)}, {number} of {total}: {case.implementation}{seconds}\n"
        f"{''.join(f'then {name}; ' for name in then)}all by {end}. Ctrl-C keeps what is measured"
    )


def name_round(trial: Trial | Record) -> str:
    """Name what a trial is one of."""
    names = {
        "roofline": "roofline",
        "textbook": "the textbook's programs",
    }
    round_name = f"{trial.case.workload}, process {trial.round}"
    return names.get(trial.kind, f"{round_name}, {numbers.format_threads(trial.case.threads)}")


def format_end(record: Record, number: int, total: int) -> str:
    """Return the line of a trial that ended."""
    case = record.case
    place = f"{name_round(record)}, {number} of {total}"
    size = "" if isinstance(record, TextbookRecord) else _size(case)
    return f"{place:<38}  {case.implementation:<22}  {size:<16}  {_result(record)}"


def _size(case: Case) -> str:
    """Return a size as a trial's name has it; a probe of the machine has only threads."""
    parts = (("b", case.batch_size), ("t", case.threads), ("n", case.samples))
    return " ".join(f"{letter}{number}" for letter, number in parts if number)


def _result(record: Record) -> str:
    if record.status != "ok":
        return f"{record.status}: {' '.join((record.reason or '').split())}"
    took = f"took {numbers.format_wall_time(record.wall_seconds or 0)}"
    if isinstance(record, TrialRecord):
        parity = numbers.format_error(record.parity.error if record.parity else None)
        epoch = numbers.format_duration(median(record.epoch_seconds))
        return f"epoch {epoch:>8}  parity error {parity}  {took}"
    if isinstance(record, RooflineRecord):
        rate = (record.product_operations or 0) / min(record.product_seconds) / 1e9
        return f"{numbers.format_number(rate)} GFLOP/s  {took}"
    values = [
        f"{row.quantity.replace('_', ' ')} {numbers.format_share(row.measured)}"
        for row in compare_textbook([record], {})
    ]
    return f"{', '.join(values)}  {took}"
