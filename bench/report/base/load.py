"""Read runs for a report: plan, records and environments, and what follows from them."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from bench.analysis import summary, textbook
from bench.analysis.noise import Noise, measure_noise
from bench.analysis.speed import Adjustment, adjust_epochs
from bench.analysis.states import keep_one_state
from bench.analysis.stopping import find_settled
from bench.analysis.summary import Row
from bench.analysis.textbook import TextbookRow
from bench.errors import UserError, clean_text
from bench.planning.plan import Part, Schedule, list_needed
from bench.planning.threads import choose_threads, split_tried
from bench.records.schema import Environment, Record, Run, Trial, TrialRecord, format_env
from bench.records.store import RunContents, read_contents, read_run
from bench.report.base.labels import format_time, name_machine, shorten_machine


@dataclass(frozen=True, slots=True)
class LoadedRun:
    """A run on one machine: its plan, records and environments, and what follows from them."""

    folder: Path
    plan: Run  # with the threads that its records choose
    records: Sequence[Record]  # without those of other threads, like rows
    environments: Mapping[str, Environment]
    rows: Sequence[Row]
    incomplete: Mapping[str, tuple[int, int]]  # see count_tried
    tried: Sequence[Row]  # of the processes that chose the threads, with each number of them
    textbook: Sequence[TextbookRow]
    adjustment: Adjustment  # of the records
    noise: Noise
    missing: Mapping[Part, Sequence[Trial]]  # without a record, by their parts; as far as known
    faults: Sequence[str]  # why records or files were left out, one line each
    name: str  # unique among the runs of a report
    apart: int = 0  # trials in another state of the machine, which are in no table

    @property
    def missing_count(self) -> int:
        """The number of trials that the run still needs."""
        return len(list_needed(self.plan, self.missing))

    @property
    def folder_name(self) -> str:
        """The name of the folder, as it may be shown: somebody else may have chosen it."""
        return clean_text(self.folder.name)

    @property
    def machine(self) -> Mapping[str, Any]:
        """Facts about the machine, from the run's first environment."""
        return next((environment.machine for environment in self.environments.values()), {})

    @property
    def machine_name(self) -> str:
        """The machine's name."""
        return name_machine(self.machine)

    @property
    def short_name(self) -> str:
        """What people call its processor."""
        return shorten_machine(self.machine)

    @property
    def env(self) -> str:
        """The variables of ``--env``, which all cases of a run share; plain text."""
        return format_env(self.plan.env)

    @property
    def workload(self) -> str:
        """The workload that was chosen first: it has most rounds, and the sweep."""
        return self.plan.cases[0].workload

    @property
    def on_gpu(self) -> bool:
        """Return whether anything was tried on a GPU."""
        return any(row.case.device == "gpu" for row in self.rows)

    @property
    def failed_count(self) -> int:
        """The number of trials that failed."""
        faults = {"failed", "timeout", "out-of-memory"}
        return sum(record.status in faults for record in self.records)


def load_run(folder: Path) -> LoadedRun:
    """Load a run; of several machines, the one with most records. Raises UserError."""
    loaded, *others = load_by_machine(folder)
    elsewhere = [
        f"{len(other.records)} trials were measured on another machine, {other.machine_name}; "
        "a report of several runs shows both"
        for other in others
    ]
    return replace(loaded, faults=[*loaded.faults, *elsewhere])


def load_by_machine(folder: Path) -> list[LoadedRun]:
    """Load a run that may have been resumed on another machine: one LoadedRun per machine.

    The machine with most records comes first. Trials of other states of a machine are left out
    (``keep_one_state``). Raises UserError.
    """
    planned, files = read_run(folder), read_contents(folder)
    missing = Schedule(planned, files.records, find_settled).missing
    return divide_by_machine(folder, planned, files, missing)


def divide_by_machine(
    folder: Path, planned: Run, files: RunContents, missing: Mapping[Part, Sequence[Trial]]
) -> list[LoadedRun]:
    """Return one LoadedRun per machine, as ``load_by_machine``, of a run that was read."""
    plan = choose_threads(planned, files.records)
    machines = {
        key: str(environment.machine.get("id")) for key, environment in files.environments.items()
    }
    by_machine: dict[str, list[Record]] = defaultdict(list)
    for record in files.records:
        by_machine[machines[record.environment]].append(record)
    parts = []
    of_machine = sorted(by_machine.items(), key=lambda item: -len(item[1])) or [("", [])]
    for machine, records in of_machine:
        environments = {
            key: environment
            for key, environment in files.environments.items()
            if machines[key] == machine or len(by_machine) < 2
        }
        kept = keep_one_state(records)
        part = _load(folder, plan, RunContents(kept, environments, files.faults), missing)
        parts.append(replace(part, apart=len(records) - len(kept)))
    return parts


def load_runs(folders: Iterable[Path]) -> list[LoadedRun]:
    """Load the runs of one report, with names that differ.

    Rows of several runs carry the name. Raises UserError, also if a run is given twice.
    """
    folder_of: dict[str, Path] = {}
    runs: list[LoadedRun] = []
    for folder in folders:
        parts = load_by_machine(folder)
        if (before := folder_of.setdefault(parts[0].plan.run, folder)) is not folder:
            raise UserError(f"{before} and {folder} are one run. Name it once")
        runs += parts
    if len(runs) < 2:
        return runs
    return [
        replace(run, name=name, rows=[replace(row, machine=name) for row in run.rows])
        for run, name in zip(runs, _choose_names(runs), strict=True)
    ]


def _choose_names(runs: Sequence[LoadedRun]) -> list[str]:
    """Name runs by processor and ``--env``; those of one name by more, until all differ."""
    names = [", ".join(filter(None, (run.short_name, run.env))) for run in runs]
    longer_names = (
        [", ".join(filter(None, (run.machine_name, run.env))) for run in runs],
        [f"{run.short_name}, {format_time(run.plan.created)}" for run in runs],
        [f"{run.machine_name} ({run.folder_name})" for run in runs],
        [
            f"{run.machine_name} ({clean_text(str(run.folder))}, {run.machine.get('id', '')})"
            for run in runs
        ],
    )
    for longer in longer_names:
        counts = Counter(names)
        names = [
            long if counts[name] > 1 else name for name, long in zip(names, longer, strict=True)
        ]
    return names


def _load(
    folder: Path, plan: Run, files: RunContents, missing: Mapping[Part, Sequence[Trial]]
) -> LoadedRun:
    records, others = split_tried(plan, files.records)
    beside = {(record.case.base_slug, record.round) for record in others}
    tried = [
        record
        for record in files.records
        if isinstance(record, TrialRecord) and (record.case.base_slug, record.round) in beside
    ]
    slugs = {case.slug for case in plan.cases}
    adjustment = adjust_epochs(records)
    rows = summary.summarize(records, files.environments, plan, adjustment)
    incomplete = summary.count_tried(plan, rows)
    main_records = [record for record in records if record.case.slug in slugs]  # without a sweep
    names = (str(environment.machine.get("name")) for environment in files.environments.values())
    return LoadedRun(
        folder=folder,
        plan=plan,
        records=records,
        environments=files.environments,
        rows=[
            replace(row, provisional=row.case.workload in incomplete and not row.swept)
            for row in rows
        ],
        incomplete=incomplete,
        tried=summary.summarize(tried, files.environments, plan),
        textbook=textbook.compare_textbook(records, files.environments),
        adjustment=adjustment,
        noise=measure_noise(main_records, files.environments),
        missing=missing,
        faults=files.faults,
        name=next(names, ""),
    )
