"""What a page of one run opens with: the verdicts, and which program is done first, and when."""

from collections import Counter
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import product

from bench.analysis.intervals import Interval
from bench.analysis.many import measure_growth
from bench.analysis.ranking import select_comparable
from bench.analysis.startup import find_frontier
from bench.analysis.summary import Row
from bench.records.files import hash_file
from bench.records.layout import RUN_PLAN, TRIALS
from bench.report.charts.frontier import chart_frontier
from bench.report.labels import EPOCHS, label_case, list_workloads, select_ranked
from bench.report.load import LoadedRun
from bench.report.parts import Picture
from bench.report.render import numbers
from bench.report.sections.costs.many import write_crossovers
from bench.report.sections.parity import describe_accuracy
from bench.report.sections.setting.runs import format_time
from bench.report.sections.verdict import (
    Timing,
    compare,
    describe_agreement,
    describe_first,
    list_answers,
    list_remarks,
    select_softmax,
    sort_timings,
    time_epochs,
    write_frontier,
)
from bench.worker.workloads import count_models

TITLE = "Softmax classifier: the frameworks compared"
QUESTION = "One softmax classifier, {} frameworks: which one should train it?"
# For how many epochs a reader can choose to see who is done first.
STEPS = (1, 2, 3, 4, 5, 7, 10, 15, 20, 30, 50, 70, 100, 150, 200, 300, 500, 700, 1000)
DATA_NAMES = {"fashion-mnist": "Fashion-MNIST"}


@dataclass(frozen=True, slots=True)
class Standing:
    """The rows in the order of a quantity.

    key: a number of epochs; then m and a number of models, or b and a batch size, if it is not that
    of the first workload; then "warm" for a warm start, or "each" for one of many models in one
    process, which has no start. Or the name of another quantity. caption: what it is. heading: of
    the values. lines: name, value, ratio to the first, and what a page computes other
    ratios of; the first on top. leaders: how many of them are not certainly more than the
    first; 0 if none of the others is.
    """

    key: str
    caption: str
    heading: str
    lines: Sequence[tuple[str, str, str, Interval]]
    leaders: int


@dataclass(frozen=True, slots=True)
class Opening:
    """The first screen of a page.

    title: of the page. facts: machine, date, suite, programs. warning: why the answers may not
    hold. remarks: what was not measured. agreement: whether all end with the same weights.
    answers: to what readers ask first. command: writes the page again, run beside the folder.
    hashes: SHA-256 of the files of the run by name. picture, standings: of the comparable rows of
    the first workload; without any that recorded its start, None and empty. models, batches: among
    which numbers of models and batch sizes a reader can choose; empty if there are not several.
    """

    title: str
    facts: Sequence[str]
    warning: str
    remarks: Sequence[str]
    agreement: str
    answers: Sequence[str]
    command: str
    hashes: Mapping[str, str]
    picture: Picture | None
    standings: Sequence[Standing]
    models: Sequence[int]
    batches: Sequence[int]


def make_opening(run: LoadedRun) -> Opening:
    """Return the opening of a run; it has less for a run that has less."""
    ranked = select_ranked(run.rows, run.workload)
    softmax = select_softmax(ranked)
    rows = select_comparable(softmax, softmax[0]) if softmax else []
    started = [row for row in rows if row.start.by_round]
    stretches = find_frontier(started)
    agreement = describe_agreement(run)
    if agreement and (accuracy := describe_accuracy(softmax)):
        agreement = f"{agreement} {accuracy[:1].upper()}{accuracy[1:]}"
    answers = list(list_answers(ranked))
    models = list_models(run)
    if timings := time_epochs(select_ranked(run.rows, f"many-{max(models, default=0)}")):
        first, more = describe_first(timings)
        text = write_crossovers(measure_growth(run.rows)) or f"{more.lstrip(',; ')}."
        answers.append(f"{max(models):,} models at once: {first}; {text}")
    frameworks = len({row.case.framework for row in ranked})
    picture = None
    if started:
        title = write_frontier(stretches) if len(started) > 1 else "Seconds from a cold start"
        draw = partial(chart_frontier, started, stretches, EPOCHS, title)
        picture = Picture("cold-epochs", title, draw)
    return Opening(
        title=QUESTION.format(frameworks) if frameworks > 1 else TITLE,
        facts=list_facts(run, ranked),
        warning=run.noise.warning,
        remarks=list_remarks(run),
        agreement=numbers.keep_together(agreement),
        answers=list(map(numbers.keep_together, answers)),
        command=f"softmax-bench report {run.folder_name}",
        hashes={
            name: hash_file(file)
            for name in (RUN_PLAN, TRIALS)
            if (file := run.folder / name).is_file()
        },
        picture=picture,
        standings=list_standings(run, started) if len(started) > 1 else [],
        models=models,
        batches=list_batches(run, started) if started else [],
    )


def list_models(run: LoadedRun) -> list[int]:
    """Return the numbers of models of a run of such workloads alone, if there are several.

    That of the first workload comes first.
    """
    ranked = [name for name in list_workloads(run.rows) if select_ranked(run.rows, name)]
    models = sorted(map(count_models, ranked), key=lambda n: (n != count_models(run.workload), n))
    return models if len(models) > 1 and all(models) else []


def list_facts(run: LoadedRun, rows: Sequence[Row]) -> list[str]:
    """Return machine, date, data, how much was measured, and the version of the suite.

    Plain text.
    """
    machines = {str(one.machine.get("name", "unknown")) for one in run.environments.values()}
    # The commit, or the version if it was no checkout.
    known = (one.suite for one in run.environments.values())
    suites = {f"softmax-bench {str(one.get('commit') or one.get('version'))[:7]}" for one in known}
    data = {str(one.data.get("name", "unknown data")) for one in run.environments.values()}
    facts = [" and ".join(sorted(machines)) or "no machine yet"]
    facts.append(format_time(run.run.created).partition(",")[0])
    facts += sorted(DATA_NAMES.get(name, name) for name in data)
    if rows:
        counts = sorted({row.succeeded for row in rows})
        processes = " or ".join(map(str, counts))
        plural = "es" * (counts != [1])
        several = "s" * (len(rows) > 1)
        facts.append(f"{len(rows)} program{several}, {processes} fresh process{plural} each")
    if any(row.epoch and row.epoch.low is not None for row in rows):
        facts.append("in brackets: 95 % intervals")
    return [*facts, *[f"with {run.env}"] * bool(run.env), *sorted(suites)]


def list_standings(run: LoadedRun, rows: Sequence[Row]) -> list[Standing]:
    """Return comparable rows in the order of each quantity that a reader can choose.

    rows: of the first workload; those of another one are of the same size.
    """
    return [*list_trainings(run, rows), *list_quantities(run, rows)]


def list_trainings(run: LoadedRun, rows: Sequence[Row]) -> Iterator[Standing]:
    """Yield the standings of some epochs, by their number, models, batch size and kind of start."""
    shown = {label_case(row.case) for row in rows}
    groups = {"": ("", rows)}  # by what of their keys is no number of epochs
    for name in (f"many-{models}" for models in list_models(run)):
        if name != run.workload:
            others = select_softmax(select_ranked(run.rows, name))
            models = count_models(name)
            groups[f"m{models}"] = f", {models:,} models at once", select_started(others, shown)
    for size in list_batches(run, rows)[1:]:
        others = select_softmax(list_swept(run, rows))
        others = [row for row in others if row.case.batch_size == size]
        groups[f"b{size}"] = f", batches of {size:,}", select_started(others, shown)
    for count, (key, (words, group)) in product(STEPS, groups.items()):
        trained = f"{count:,} epoch{'s are' if count > 1 else ' is'} trained{words}"
        kinds = {"": (f"From a cold start until {trained}", time_starts(group, count))}
        if not key.startswith("b") and any(row.start.warm_by_round for row in group):
            warm = [row.start_warm() for row in group]
            kinds["warm"] = f"From a warm start until {trained}", time_starts(warm, count)
        if not key and all(row.start.reset for row in group):
            caption = f"One of many models in one process until {trained}"
            kinds["each"] = caption, time_resets(group, count)
        for kind, (caption, timings) in kinds.items():
            if len(timings) > 1:
                name = " ".join(filter(None, (str(count), key, kind)))
                yield rank(timings, name, caption)


def list_quantities(run: LoadedRun, rows: Sequence[Row]) -> Iterator[Standing]:
    """Yield the standings of other quantities."""
    shown = {label_case(row.case) for row in rows}
    more = {"steady": ("An epoch, once running", time_epochs(rows))}
    for name in list_workloads(run.rows)[1:]:
        others = [
            row for row in select_softmax(select_ranked(run.rows, name)) if row.size == rows[0].size
        ]
        more[name] = (f"An epoch of the workload {name}, once running", time_epochs(others))
    single = [(row, row.prediction.single_by_round) for row in rows]
    more["one"] = ("The label of one image", [Timing(row, each, each) for row, each in single])
    peaks = [(row, {0: row.memory.peak_bytes or 0.0}) for row in rows]
    more["memory"] = ("Peak memory", [Timing(row, each, each) for row, each in peaks])
    for key, (caption, timings) in more.items():
        known = [one for one in timings if one.name in shown and any(one.compared.values())]
        if len(known) > 1:
            yield rank(known, key, caption)


def list_swept(run: LoadedRun, rows: Sequence[Row]) -> list[Row]:
    """Return ranked rows of the first workload that differ from the first of rows in batch size."""
    first = rows[0].case
    return [
        row
        for row in run.rows
        if row.swept
        and row.ranked
        and (row.case.workload, row.case.threads, row.case.samples, row.case.device)
        == (first.workload, first.threads, first.samples, first.device)
    ]


def list_batches(run: LoadedRun, rows: Sequence[Row]) -> list[int]:
    """Return the batch sizes that several programs have, that of rows first; empty if only that."""
    counts = Counter(row.case.batch_size for row in list_swept(run, rows) if row.start.by_round)
    sizes = sorted(size for size, count in counts.items() if count > 1)
    return [rows[0].case.batch_size, *sizes] if sizes else []


def select_started(rows: Iterable[Row], names: Container[str]) -> list[Row]:
    """Return the rows of these names that recorded their start."""
    return [row for row in rows if row.start.by_round and label_case(row.case) in names]


def time_starts(rows: Iterable[Row], epochs: int) -> list[Timing]:
    """Return the seconds from a start until this many epochs are trained."""
    return [Timing(row, times, times) for row in rows if (times := row.sum_epochs(epochs))]


def time_resets(rows: Iterable[Row], epochs: int) -> list[Timing]:
    """Return the seconds of a reset and this many epochs, in a process that has begun."""
    reset = [
        (
            row,
            {n: (row.start.reset or 0.0) + epochs * one for n, one in row.epochs_by_round.items()},
        )
        for row in rows
    ]
    return [Timing(row, times, times) for row, times in reset]


def rank(timings: Sequence[Timing], key: str, caption: str) -> Standing:
    """Return the standing of rows; see ``Standing``."""
    first, *others = timings = sort_timings(timings)
    if key == "memory":
        scale, heading = 2.0**-20, "memory, MiB"
    else:
        scale, unit = numbers.choose_unit([one.seconds for one in timings])
        heading = f"time, {unit}"
    table = compare(timings)
    lines = [
        (
            one.name,
            numbers.format_interval(one.seconds, scale),
            numbers.format_factor(table.estimate(one.name, first.name)),
            table.typical[one.name],
        )
        for one in timings
    ]
    leaders = 1 + sum(not table.is_slower(one.name, first.name) for one in others)
    return Standing(key, caption, heading, lines, leaders if leaders < len(timings) else 0)
