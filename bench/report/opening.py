"""What a page of one run opens with: the verdicts, and which program is done first, and when."""

from collections import Counter
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import cycle, pairwise, product
from statistics import median
from typing import Any

from bench.analysis.intervals import Interval
from bench.analysis.many import measure_growth
from bench.analysis.ranking import select_comparable
from bench.analysis.startup import Lead, find_frontier
from bench.analysis.summary import Row
from bench.records.files import hash_file
from bench.records.layout import RUN_PLAN, TRIALS
from bench.report.base import numbers
from bench.report.base.labels import (
    EPOCHS,
    format_time,
    label_case,
    list_workloads,
    name_machine,
    name_threads,
    select_ranked,
    select_softmax,
    start_tip,
)
from bench.report.base.load import LoadedRun
from bench.report.base.parts import JOINED, Picture
from bench.report.charts.expected import USUAL, picture_expected
from bench.report.charts.style import PALETTE, alt, make_log_axis, set_title, spread_labels
from bench.report.sections.costs.many import write_crossovers
from bench.report.sections.verdict import (
    MARKS,
    SHOWN_EPOCHS,
    Timing,
    compare_timings,
    describe_first,
    describe_missing,
    list_answers,
    list_remarks,
    sort_timings,
    time_epochs,
    time_starts,
    write_frontier,
)
from bench.worker.workloads import count_models

PAGE_TITLE = "Softmax classifier: the frameworks compared"
QUESTION = "One softmax classifier, {} frameworks: which one should train it?"
# For how many epochs a reader can choose to see who is done first.
CHOICES = (1, 2, 3, 4, 5, 7, 10, 15, 20, 30, 50, 70, 100, 150, 200, 300, 500, 700, 1000)
DATA_NAMES = {"fashion-mnist": "Fashion-MNIST"}
# Of the chart: numbers of epochs of the points of a line, the colour of lines that never lead, and
# its size in pixels.
_EPOCHS = [round(10 ** (number / 10)) for number in range(31)]
_OTHERS = "#CCCCCC"
_WIDTH, _HEIGHT = 480, 330


@dataclass(frozen=True, slots=True)
class Standing:
    """The rows in the order of a quantity."""

    # A number of epochs; then m and a number of models, or b and a batch size, if it is not that of
    # the first workload; then "warm" for a warm start, or "each" for one of many models in one
    # process, which has no start. Or the name of another quantity.
    key: str
    caption: str  # what the quantity is
    sentence: str  # who is first
    heading: str  # of the values
    # Name, value, ratio to the first, and what a page computes other ratios of; the first on top.
    lines: Sequence[tuple[str, str, str, Interval]]
    leaders: int  # how many are not certainly more than the first; 0 if none of the others is


@dataclass(frozen=True, slots=True)
class Opening:
    """The first screen of a page."""

    title: str  # of the page
    facts: Sequence[str]  # machine, date, programs
    warning: str  # why the answers may not hold
    answers: Sequence[str]  # to what readers ask first
    remarks: Sequence[str]  # what makes them uncertain
    missing: str  # what was not measured
    order: Picture | None  # epochs in multiples of NumPy's; None without any
    details: Sequence[str]  # data, brackets, variables, suite
    command: str  # writes the page again, run beside the folder
    hashes: Mapping[str, str]  # SHA-256 of the files of the run by name
    # Of the comparable rows of the first workload; None and empty if none recorded its start.
    picture: Picture | None
    standings: Sequence[Standing]
    # Among which a reader can choose; empty if there are not several.
    models: Sequence[int]
    batches: Sequence[int]


def make_opening(run: LoadedRun) -> Opening:
    """Return the opening of a run; it has less for a run that has less."""
    ranked = select_ranked(run.rows, run.workload)
    softmax = select_softmax(ranked)
    rows = select_comparable(softmax, softmax[0]) if softmax else []
    started = [row for row in rows if row.start.by_round]
    stretches = find_frontier(started)
    answers = list(list_answers(ranked))
    models = list_models(run)
    if timings := time_epochs(select_ranked(run.rows, f"many-{max(models, default=0)}")):
        first, more = describe_first(timings)
        text = write_crossovers(measure_growth(run.rows)) or f"{more.lstrip(',; ')}."
        answers.append(f"{max(models):,} models at once: {first}; {text}")
    frameworks = len({row.case.framework for row in ranked})
    picture, standings = None, list[Standing]()
    if len(started) > 1:
        standings = [*list_trainings(run, started), *list_quantities(run, started)]
    if started:
        title = write_frontier(stretches) if len(started) > 1 else "Seconds from a cold start"
        draw = partial(chart_frontier, started, stretches, EPOCHS, title)
        picture = Picture("cold-epochs", title, draw)
    return Opening(
        title=QUESTION.format(frameworks) if frameworks > 1 else PAGE_TITLE,
        facts=list_facts(run, ranked),
        warning=run.noise.warning,
        answers=list(map(numbers.keep_together, answers)),
        remarks=list_remarks(run),
        missing=describe_missing(run),
        order=next(iter(picture_expected([run])), None),
        details=list_details(run, ranked),
        command=f"softmax-bench report {run.folder_name}",
        hashes={
            name: hash_file(file)
            for name in (RUN_PLAN, TRIALS)
            if (file := run.folder / name).is_file()
        },
        picture=picture,
        standings=standings,
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
    """Return machine, date and how much was measured, as plain text."""
    machines = {name_machine(one.machine) for one in run.environments.values()}
    facts = [" and ".join(sorted(machines)) or "no machine yet"]
    facts.append(format_time(run.plan.created).partition(",")[0])
    if rows:
        counts = sorted({row.succeeded for row in rows})
        processes = " to ".join(map(str, dict.fromkeys((counts[0], counts[-1]))))
        programs = "1 program" if len(rows) == 1 else f"{len(rows)} programs"
        fresh = "fresh process" if counts == [1] else "fresh processes"
        facts.append(f"{programs}, {processes} {fresh} each")
    return facts


def list_details(run: LoadedRun, rows: Sequence[Row]) -> list[str]:
    """Return data, variables, what brackets are, and the version of the suite, as plain text."""
    suites, data = set[str](), set[str]()
    for environment in run.environments.values():
        # The commit, or the version if it was no checkout.
        version = environment.suite.get("commit") or environment.suite.get("version")
        suites.add(f"softmax-bench {str(version)[:7]}")
        data.add(str(environment.data.get("name", "unknown data")))
    details = sorted(DATA_NAMES.get(name, name) for name in data)
    if run.env:
        details.append(f"with {run.env}")
    if any(row.epoch and row.epoch.low is not None for row in rows):
        details.append("in brackets: 95 % intervals")
    return [*details, *sorted(suites)]


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
        others = [row for row in list_swept(run, rows) if row.case.batch_size == size]
        groups[f"b{size}"] = f", batches of {size:,}", select_started(others, shown)
    for count, (key, (words, group)) in product(CHOICES, groups.items()):
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
    """Yield the standings of other quantities.

    rows: of the first workload; those of another one are of the same size.
    """
    shown = {label_case(row.case) for row in rows}
    more = {"steady": ("An epoch, once running", time_epochs(rows))}
    for name in list_workloads(run.rows)[1:]:
        others = [
            row for row in select_softmax(select_ranked(run.rows, name)) if row.size == rows[0].size
        ]
        more[name] = (f"An epoch of the workload {name}, once running", time_epochs(others))
    single = [Timing(row, row.prediction.single_by_round) for row in rows]
    more["one"] = ("The label of one image", single)
    peaks = [Timing(row, {0: row.memory.peak_bytes or 0.0}) for row in rows]
    more["memory"] = ("Peak memory", peaks)
    for key, (caption, candidates) in more.items():
        timings = [row for row in candidates if row.name in shown and any(row.by_round.values())]
        if len(timings) > 1:
            yield rank(timings, key, caption)


def list_swept(run: LoadedRun, rows: Sequence[Row]) -> list[Row]:
    """Return softmax rows of the first workload that differ from rows in batch size alone."""
    first = rows[0].case
    return [
        row
        for row in select_softmax(run.rows)
        if row.swept
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


def time_resets(rows: Iterable[Row], epochs: int) -> list[Timing]:
    """Return the seconds of a reset and this many epochs, in a process that has begun."""
    timings = []
    for row in rows:
        reset = row.start.reset or 0.0
        times = {n: reset + epochs * seconds for n, seconds in row.epochs_by_round.items()}
        timings.append(Timing(row, times))
    return timings


def rank(timings: Sequence[Timing], key: str, caption: str) -> Standing:
    """Return the standing of rows; see ``Standing``."""
    first, *_ = timings = sort_timings(timings)
    if key == "memory":
        scale, unit, kind = 2.0**-20, "MiB", "memory"
        said = describe_first(
            timings, partial(numbers.format_interval, scale=scale, unit=unit), "much"
        )
    else:
        scale, unit = numbers.choose_unit([timing.seconds for timing in timings])
        kind, said = "time", describe_first(timings)
    table = compare_timings(timings)
    lines = [
        (
            timing.name,
            numbers.format_interval(timing.seconds, scale),
            numbers.format_factor(table.estimate(timing.name, first.name)),
            table.typical[timing.name],
        )
        for timing in timings
    ]
    leaders = 1 + len(first.find_rivals(timings))
    return Standing(
        key,
        caption,
        numbers.keep_together(f"{caption}: {''.join(said)}."),
        f"{kind}, {unit}",
        lines,
        leaders if leaders < len(timings) else 0,
    )


def chart_frontier(rows: Sequence[Row], stretches: Sequence[Lead], epochs: int, title: str) -> Any:
    """Draw the seconds from a cold start until a number of epochs is trained, a line a program.

    rows: comparable, each with a start. stretches: which row is done first from how many epochs
    on; these rows have colours, and circles where one overtakes another. epochs: of the vertical
    line.
    """
    leaders = [label_case(stretch.row.case) for stretch in stretches]
    colours = dict(zip(leaders, cycle(PALETTE), strict=False))
    points = [point for row in rows for point in _list_points(row, colours)]
    ends = {point["name"]: point["seconds"] for point in points if point["epochs"] == SHOWN_EPOCHS}
    low = min(point["seconds"] for point in points) / 1.5
    high = max(ends.values()) * 1.5
    x = alt.X(
        "epochs:Q",
        scale=alt.Scale(type="log", domain=[1, SHOWN_EPOCHS], nice=False),
        axis=alt.Axis(values=[1, 2, 5, 10, 20, 50, 100, 200, 500, 1000], format=",", grid=False),
        title="epochs (log scale)",
    )
    seconds = {
        "scale": alt.Scale(type="log", domain=[low, high], nice=False),
        "axis": make_log_axis([low, high], format="~g"),
        "title": "seconds from a cold start (log scale)",
    }
    labels = [
        {"name": name, "epochs": SHOWN_EPOCHS, "seconds": place, "leads": name in colours}
        for name, place in spread_labels(
            {name: end for name, end in ends.items() if name in USUAL | colours.keys()},
            low,
            high,
            _HEIGHT,
        )
    ]
    lines, text = (
        alt.Chart(alt.Data(values=values)).encode(x=x, y=alt.Y("seconds:Q", **seconds))
        for values in (points, labels)
    )
    rule = alt.Chart(alt.Data(values=[{"epochs": epochs}])).encode(x=x)
    layers = [
        rule.mark_rule(strokeDash=[2, 3], strokeWidth=1.5),
        rule.mark_text(align="left", dx=5, dy=10, fontSize=11).encode(
            y=alt.value(0), text=alt.value(f"the textbook trains {epochs}")
        ),
        rule.properties(name="chosen").mark_rule(strokeWidth=0),
        *_draw_lines(lines.encode(detail="name:N"), text.encode(text="name:N"), ends, colours),
        *_draw_crossings(stretches, x, seconds),
    ]
    case = rows[0].case
    subtitle = (
        "cold start, then steady epochs; medians of the processes. Workload "
        f"{case.workload}, batch size {case.batch_size}, {name_threads(rows)}, "
        f"{case.samples:,} samples"
    )
    chart = alt.layer(*layers).properties(width=_WIDTH, height=_HEIGHT)
    return set_title(chart, title, subtitle, _WIDTH).configure_view(stroke=None)


def _list_points(row: Row, colours: Container[str]) -> list[dict[str, Any]]:
    """Return the points of a row's line, all with its tooltip. colours: by the name of a leader."""
    name = label_case(row.case)
    times = {count: median(row.sum_epochs(count).values()) for count in _EPOCHS}
    tip = [
        *start_tip(row.case),
        f"first epoch done after {numbers.format_duration(times[1])}",
        f"then {numbers.format_duration(row.epoch)} an epoch",
    ]
    return [
        {
            "name": name,
            "epochs": count,
            "seconds": seconds,
            "leads": name in colours,
            "tip": JOINED.join(tip),
        }
        for count, seconds in times.items()
    ]


def _draw_lines(
    lines: Any, text: Any, names: Iterable[str], colours: Mapping[str, str]
) -> list[Any]:
    """Return the layers of the lines and of their names; those of leaders have colours."""
    # The grey lines first: what comes last lies on top.
    domain = [*(name for name in names if name not in colours), *colours]
    palette = alt.Scale(domain=domain, range=[colours.get(name, _OTHERS) for name in domain])
    colour = alt.Color("name:N", scale=palette, legend=None)
    style = {"align": "left", "dx": 6, "fontSize": 11}
    return [
        lines.transform_filter("!datum.leads")
        .mark_line(strokeWidth=1.5, aria=True)
        .encode(color=alt.value(_OTHERS), description="tip:N"),
        lines.transform_filter("datum.leads")
        .mark_line(strokeWidth=3, aria=True)
        .encode(color=colour, description="tip:N"),
        text.transform_filter("!datum.leads").mark_text(**style),
        text.transform_filter("datum.leads")
        .mark_text(fontWeight="bold", **style)
        .encode(color=colour),
    ]


def _draw_crossings(stretches: Sequence[Lead], x: Any, seconds: dict[str, object]) -> list[Any]:
    """Return the layers of a circle and a text where one row overtakes another."""
    points = [
        {
            "epochs": stretch.first,
            "seconds": median(stretch.row.sum_epochs(stretch.first).values()),
            "text": f"{numbers.format_count(stretch.first)}: {stretch.row.case.implementation}"
            f"{MARKS[stretch.certain]}",
            "of": f"{label_case(stretch.row.case)}{JOINED}{label_case(before.row.case)}{JOINED}",
        }
        for before, stretch in pairwise(stretches)
        if stretch.first <= SHOWN_EPOCHS
    ]
    if not points:
        return []  # a layer without data would have no scale
    base = alt.Chart(alt.Data(values=points)).encode(x=x, y=alt.Y("seconds:Q", **seconds))
    # Near the end of the axis it is below: on the right are the names of the lines.
    late = f"datum.epochs > {SHOWN_EPOCHS**0.8:g}"
    style = {"align": f"{late} ? 'center' : 'left'", "dx": f"{late} ? 0 : 4"}
    style["dy"] = f"{late} ? 28 : 16"
    placed = {name: alt.expr(value) for name, value in style.items()}
    circle = {"size": 70, "filled": True, "fill": "white", "stroke": "black", "opacity": 1}
    return [
        base.mark_point(aria=True, **circle).encode(description="of:N"),
        base.mark_text(aria=True, fontSize=11, **placed).encode(text="text:N", description="of:N"),
    ]
