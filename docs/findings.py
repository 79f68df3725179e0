"""Fill in docs/findings.md and README's results from a published run and the published releases.

``python docs/findings.py results/reference/NAME`` writes the pages from findings.md.j2 and
results.md.j2 in docs/, and the pictures in docs/findings/.
"""

import math
import re
import sys
import textwrap
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

import altair as alt
import jinja2
import releases
from studies import labels

from bench.analysis.intervals import Interval, Traits, estimate_difference, estimate_typical
from bench.analysis.ladder import StepCost, measure_steps
from bench.analysis.many import compute_rate, measure_growth
from bench.analysis.ranking import Comparison, compare_epochs
from bench.analysis.startup import find_frontier
from bench.analysis.summary import Row
from bench.records.environments import list_versions
from bench.records.schema import TrialRecord
from bench.report import tables
from bench.report.charts.chart import make_specification, render_svg
from bench.report.charts.many import chart_models
from bench.report.charts.style import (
    COLOURS,
    PALETTE,
    WIDTH,
    make_log_axis,
    set_title,
    spread_labels,
)
from bench.report.labels import EPOCHS, REMARKS
from bench.report.load import load_run
from bench.report.render.markdown import escape, render_table
from bench.report.render.numbers import (
    format_factor,
    format_number,
    format_percent,
    format_share,
    format_typical,
)
from bench.report.sections.setting.runs import format_time
from bench.report.tables import Column

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
README = ROOT / "README.md"
LABELS = DOCS / "studies" / "labels.csv"
FIRST, LAST = "<!-- results: made by `python docs/findings.py` -->", "<!-- end of results -->"
PROCESSES = 5  # that a row of a finding has at least
ZEN = {"-zen4-": "Zen 4", "-zen5-": "Zen 5"}
# What the first machine does not show, or not with certainty, is said of a second one.
SECOND_RUN = ROOT / "results" / "reference" / "amd-epyc-zen5-2-cores"
MODELS_RUN = ROOT / "results" / "reference" / "amd-epyc-zen5-2-cores-many"  # of many models at once
# The distributions whose versions stand under README's table, and their names.
NAMED = {
    "numpy": "NumPy",
    "numba": "Numba",
    "jax": "JAX",
    "torch": "PyTorch",
    "tensorflow": "TensorFlow",
    "keras": "Keras",
    "scikit-learn": "scikit-learn",
}
MEASURED_SIZES = (32, 128)  # of batches, from which n½ follows
MODELS = 10_000
# How parts begin that are no paragraphs: tables, headings, pictures, HTML, code.
UNWRAPPED = ("|", "#", "!", "<", "```")
WRAPPING = {"break_long_words": False, "break_on_hyphens": False}
GREY, ROW_HEIGHT = "#999999", 22
# What trains several models together, and the same one by one, by framework.
TOGETHER = {
    "numba": ("numba-models", "numba-processes"),
    "jax": ("jax-vmap-scan", "jax-scan-processes"),
    "numpy": ("numpy-batched", "numpy-processes"),
}
# A program, the same one with a flag or a loop of its framework, and what that is.
TWINS = (
    ("pytorch", "pytorch-compiled-model", "torch.compile around the model"),
    ("pytorch", "pytorch-compiled-step", "torch.compile around a step"),
    ("pytorch", "pytorch-fullgraph-step", "the same without a graph break"),
    ("pytorch", "pytorch-ten-steps", "ten steps in one graph"),
    ("pytorch", "pytorch-compiled", "ten steps, tuned"),
    ("pytorch-dataloader", "pytorch-dataloader-bulk", "a batch by one index"),
    ("keras-torch", "keras-torch-jit", "jit_compile=True"),
    ("keras-jax", "keras-jax-50-steps", "steps_per_execution=50"),
    ("keras-jax", "keras-jax-scan", "a scan in train_step"),
    ("keras-tensorflow", "keras-tensorflow-50-steps", "steps_per_execution=50"),
    ("keras-tensorflow", "keras-tensorflow-loop", "a loop in train_step"),
    ("tensorflow", "tensorflow-plain-loop", "a loop in a tf.function"),
    ("tensorflow", "tensorflow-loop", "a loop, tuned"),
    ("jax", "jax-plain-scan", "lax.scan"),
    ("jax", "jax-scan", "lax.scan, tuned"),
    ("flax-nnx", "flax-nnx-cached", "nnx.cached_partial"),
    ("flax-nnx", "flax-nnx-functional", "the functional loop"),
)
# By framework: one step a call, its step in a loop that the compiler sees, and the tuned program.
LOOPS = {
    "TensorFlow": ("tensorflow", "tensorflow-plain-loop", "tensorflow-loop"),
    "JAX": ("jax", "jax-plain-scan", "jax-scan"),
    "PyTorch": ("pytorch", "pytorch-ten-steps", "pytorch-compiled"),
}
# The programs in the picture of the releases: colour and dashes.
BLUE, VERMILION, GREEN, PURPLE, _, ORANGE = PALETTE
DRAWN = {
    "jax": (BLUE, False),
    "jax-scan": (BLUE, True),
    "keras-torch": (PURPLE, False),
    "keras-jax": (PURPLE, True),
    "pytorch": (VERMILION, False),
    "tensorflow-loop": (ORANGE, True),
    "numba": (GREEN, True),
    "sklearn-softmax": (GREY, False),
}


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a finding rests on.

    figures: what its sentences name, by name. columns: of the table behind it. draw: returns its
    Altair chart.
    """

    figures: Mapping[str, Any]
    columns: Sequence[Column]
    draw: Callable[[], Any]


@dataclass(frozen=True, slots=True)
class Twins:
    """A program and its twin with a flag."""

    base: Row
    twin: Row
    flag: str

    @property
    def cost(self) -> float:
        """Seconds by which the twin starts later, both with empty compile caches."""
        return estimate_start(self.twin).mean - estimate_start(self.base).mean

    @property
    def speedup(self) -> float:
        """How many times as fast an epoch of the twin is."""
        return self.base.typical_seconds / self.twin.typical_seconds

    def pays(self, *, warm: bool = False) -> str:
        """From which number of epochs on the twin is done first, with the range of the rounds.

        warm: both start with the compile caches of an earlier process.
        """
        starts = [select_starts(row, warm=warm) for row in (self.base, self.twin)]
        epochs = [row.epochs_by_round for row in (self.base, self.twin)]
        # Rounds that both have; a row without caches starts in all rounds alike.
        counts = []
        for number in sorted(starts[1]):
            cost = starts[1][number] - starts[0].get(number, median(starts[0].values()))
            saved = epochs[0][number] - epochs[1][number]
            counts.append(max(0.0, cost) / saved if saved > 0 else math.inf)
        if median(counts) == math.inf:
            return "never"
        typical, low, high = (
            math.ceil(one) if one < math.inf else math.inf
            for one in (median(counts), min(counts), max(counts))
        )
        if typical == 0:
            return "at once"
        bounds = f" [{low:,}, {'never' if high == math.inf else f'{high:,}'}]" if low < high else ""
        return f"after {typical:,}{bounds} epochs"


def select_starts(row: Row, *, warm: bool = False) -> Mapping[int, float]:
    """Return the seconds of starts by round: cold, or of processes that found compile caches.

    A program that keeps no compiled code starts as from cold each time.
    """
    return (row.start_warm() if warm else row).start.by_round


def estimate_start(row: Row, *, warm: bool = False) -> Interval:
    """Return the seconds of the typical start; of two that differ much, the middle alone."""
    seconds = list(select_starts(row, warm=warm).values())
    start = estimate_typical(seconds)
    return start if start.other is None else Interval(median(seconds))


def train(row: Row, epochs: int, *, warm: bool = False, before: float = 0.0) -> Interval:
    """Return the seconds of a new process that trains so many epochs: a start, and the others.

    The first epoch is in the start. The bounds are those of both added, so they are no narrower.
    before: seconds before the import, which no start contains.
    """
    start, epoch = estimate_start(row, warm=warm), row.epoch or Interval(math.inf)
    low, high = (
        None if None in pair else before + pair[0] + (epochs - 1) * pair[1]
        for pair in ((start.low, epoch.low), (start.high, epoch.high))
    )
    return Interval(before + start.mean + (epochs - 1) * epoch.mean, low, high)


class Published:
    """The rows of a published run, by workload, program, threads and batch size."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.run = folder, load_run(folder)
        self.rows = {
            (row.case.workload, row.case.implementation, row.case.threads, row.case.batch_size): row
            for row in self.run.rows
            if row.ranked
        }

    def find(self, name: str, threads: int = 1, workload: str = "sgd") -> Row:
        """Return a row at batch size 32. Raises ValueError for too few processes."""
        row = self.rows.get((workload, name, threads, 32))
        if row is None or row.succeeded < PROCESSES:
            raise ValueError(f"{name} has {row.succeeded if row else 0} processes")
        return row

    def time_before_import(self) -> float:
        """Return the typical seconds of Python's start and of reading the data; 0 if not known."""
        seconds = [
            record.python_seconds + record.data_seconds
            for record in self.run.records
            if isinstance(record, TrialRecord) and record.python_seconds and record.data_seconds
        ]
        return median(seconds) if seconds else 0.0

    def list_rows(self, workload: str = "sgd") -> list[Row]:
        """Return the rows with one thread at batch size 32, the fastest first."""
        names = [key[1] for key in self.rows if (key[0], *key[2:]) == (workload, 1, 32)]
        return sorted(
            (self.find(name, workload=workload) for name in names),
            key=lambda row: row.typical_seconds,
        )


def main(folder: Path) -> None:
    """Write the page, README's results and the pictures."""
    evidence = collect(folder)
    (DOCS / "findings").mkdir(exist_ok=True)
    for name, one in evidence.items():
        svg = render_svg(make_specification(one.draw))
        (DOCS / "findings" / f"{name}.svg").write_text(svg, encoding="utf-8")
    for path, text in render(folder, evidence).items():
        path.write_text(text, encoding="utf-8")


def collect(folder: Path) -> dict[str, Evidence]:
    """Return what each finding rests on, by the name that the templates have for it."""
    published, second = Published(folder), Published(SECOND_RUN)
    return {
        "half": find_half_sizes(published),
        "twins": find_twins(published),
        "backends": find_backends(published),
        "releases": find_releases(),
        "predictions": find_predictions(published),
        "many": find_many(published),
        "together": find_together(MODELS_RUN),
        "threads": find_threads(second, published),
        "optimizer": find_optimizers(published),
        "sleep": find_sleep(second, published),
    }


def render(folder: Path, evidence: Mapping[str, Evidence]) -> dict[Path, str]:
    """Return the texts of docs/findings.md and of README."""
    published = Published(folder)
    run = published.run
    values = {
        name: {**one.figures, "table": render_table(tables.build_table("", one.columns, leading=1))}
        for name, one in evidence.items()
    }
    values |= {
        "machine": f"{escape(run.machine_name)} ({name_processor(folder)})",
        "date": format_time(run.run.created).partition(",")[0],
        "report": f"{folder.resolve().relative_to(ROOT).as_posix()}/report.md",
        "overview": describe_overview(published),
    }
    environment = jinja2.Environment(  # noqa: S701 - Markdown, of our own records
        undefined=jinja2.StrictUndefined, keep_trailing_newline=True
    )
    findings, results = (
        wrap(environment.from_string((DOCS / f"{name}.md.j2").read_text("utf-8")).render(values))
        for name in ("findings", "results")
    )
    before, _, rest = README.read_text(encoding="utf-8").partition(FIRST)
    _, _, after = rest.partition(LAST)
    return {DOCS / "findings.md": findings, README: f"{before}{FIRST}\n{results}{LAST}{after}"}


def name_processor(folder: Path) -> str:
    """Return what the name of a run's folder says: older records name no family of a processor."""
    return next((name for mark, name in ZEN.items() if mark in folder.name), folder.name)


def describe_overview(published: Published) -> dict[str, Any]:
    """Return what README's first lines name: programs, the span of their epochs, and trainings.

    after: the time of a new process that trains so many epochs, cold or warm, by program.
    chapter: the validation accuracies of the textbook's programs.
    """
    rows = [row for row in published.list_rows() if row.case.objective == "softmax"]
    versions = list_versions(published.run.environments.values())
    for started in (rows, [row.start_warm() for row in rows]):
        for epochs, name in ((5, "numpy"), (1000, "numba")):
            *_, first = (one for one in find_frontier(started) if one.first <= epochs)
            holds = first.row.case.implementation == name
            claim(f"{name} is done first with {epochs} epochs", holds=holds)
    return {
        "programs": len(rows),
        "frameworks": len({row.case.framework for row in rows}),
        "versions": ", ".join(
            f"{name} {versions[distribution].partition('+')[0]}"
            for distribution, name in NAMED.items()
            if distribution in versions
        ),
        "least": format_typical(rows[0].epoch or 0.0),
        "most": format_typical(rows[-1].epoch or 0.0),
        "epoch": {row.case.implementation: format_typical(row.epoch or 0.0) for row in rows},
        "after": {
            (epochs, when): {
                row.case.implementation: format_wall(train(row, epochs, warm=when == "warm").mean)
                for row in rows
            }
            for epochs in (5, 1000)
            for when in ("cold", "warm")
        },
        "chapter": {
            row.name: format_share(row.measured)
            for row in published.run.textbook
            if row.quantity.endswith("accuracy")
        },
    }


def format_wall(seconds: float) -> str:
    """Return a time in seconds, or from two minutes on in minutes."""
    return f"{seconds / 60:.0f} min" if seconds >= 120 else format_typical(seconds)


def format_hours(hours: float) -> str:
    """Return a time in hours, or below one in minutes."""
    return f"{60 * hours:.0f} min" if hours < 1 else f"{format_number(hours, 2)} h"


def wrap(text: str) -> str:
    """Return Markdown with the lines of its paragraphs filled to 120 columns."""
    return "\n\n".join(
        part
        if part.startswith(("|", "#", "!", "<", "```"))
        else textwrap.fill(part, 120, **WRAPPING)
        for part in re.split(r"\n\n+", text)
    )


def list_programs(names: Iterable[str]) -> Column:
    """Return a column of programs, with the remark on each."""
    return tables.list_words("program", [name + REMARKS.get(name, "") for name in names])


def count(images: float) -> str:
    """Return a number of images with one digit: two sizes do not tell it better."""
    return format_number(images, 1)


# ----- what was found


def claim(sentence: str, *, holds: bool) -> None:
    """Raise ValueError if a run does not bear out what a template says in words."""
    if not holds:
        raise ValueError(f"this run does not show that {sentence}: rewrite its finding")


def find_half_sizes(published: Published) -> Evidence:
    """Up to which batch size half of a step is overhead, and what that predicts."""
    names = {row.case.slug: row.case.implementation for row in published.list_rows()}
    costs: dict[str, StepCost] = {
        names[slug]: cost
        for slug, cost in measure_steps(published.run.rows, published.run.run).items()
        if slug in names and cost.half_size
    }
    sizes = {name: cost.half_size for name, cost in costs.items() if cost.half_size}
    order = sorted(sizes, key=lambda name: sizes[name].mean)
    errors: dict[int, dict[str, float]] = {}
    for workload, name, threads, size in sorted(published.rows):
        if (workload, threads) == ("sgd", 1) and size not in MEASURED_SIZES and name in costs:
            row = published.rows[workload, name, threads, size]
            predicted = costs[name].predict_epoch(published.find(name).case, row.case)
            errors.setdefault(size, {})[name] = predicted / row.typical_seconds - 1
    close = {
        size: f"{sum(abs(one) <= 0.1 for one in by_name.values())} of {len(by_name)}"
        for size, by_name in sorted(errors.items())
    }
    return Evidence(
        {"at": {name: count(sizes[name].mean) for name in order}, "close": close},
        (
            list_programs(order),
            tables.list_numbers("n½, images", [sizes[name] for name in order]),
            *(
                tables.list_words(
                    f"epoch at {size:,}, predicted over measured",
                    [f"{by_name[name]:+.0%}" if name in by_name else "" for name in order],
                )
                for size, by_name in sorted(errors.items())
            ),
        ),
        lambda: chart_dots(
            {name: [sizes[name]] for name in order},
            "Batch size at which half of a step is overhead",
            "images; bars: 95 % intervals; dashed: a batch of 32",
            line=32,
        ),
    )


def find_twins(published: Published) -> Evidence:
    """What a flag costs at the start, and what it does to an epoch."""
    twins = [Twins(published.find(base), published.find(twin), flag) for base, twin, flag in TWINS]
    by_name = {one.twin.case.implementation: one for one in twins}
    compiled = by_name["pytorch-compiled-step"], by_name["pytorch-ten-steps"]
    claim(
        "a compiled step is slower, ten faster", holds=compiled[0].speedup < 1 < compiled[1].speedup
    )
    return Evidence(
        {
            name.replace("-", "_"): {
                "cost": format_typical(one.cost),
                "speedup": format_number(max(one.speedup, 1 / one.speedup), 2),
                "direction": "faster" if one.speedup > 1 else "slower",
                "pays": one.pays(),
                "pays_warm": one.pays(warm=True),
                "epochs": [format_typical(row.epoch or 0.0) for row in (one.base, one.twin)],
            }
            for name, one in by_name.items()
        }
        | {"loops": tabulate_loops(published)},
        (
            list_programs(one.base.case.implementation for one in twins),
            tables.list_words("with", [f"{one.flag} ({name})" for name, one in by_name.items()]),
            tables.list_times("epoch", [one.base.epoch for one in twins]),
            tables.list_times("epoch with it", [one.twin.epoch for one in twins]),
            tables.list_times("start", [estimate_start(one.base) for one in twins]),
            tables.list_times("start with it", [estimate_start(one.twin) for one in twins]),
            tables.list_times(
                "warm start with it", [estimate_start(one.twin, warm=True) for one in twins]
            ),
            tables.list_words("pays", [one.pays() for one in twins]),
            tables.list_words("pays, warm", [one.pays(warm=True) for one in twins]),
        ),
        lambda: chart_twins(twins),
    )


def tabulate_loops(published: Published) -> str:
    """Return a table of what a loop that the compiler sees gives, and what the rest of a program.

    Raises ValueError if either does not certainly give something in one of the frameworks.
    """
    rows = {name: [published.find(one) for one in names] for name, names in LOOPS.items()}
    columns = [tables.list_words("framework", rows)]
    for title, place in (("the loop: times faster", 0), ("the rest: times faster", 1)):
        gains = [compare_epochs(own[place], own[place + 1]) for own in rows.values()]
        claim(
            "a loop helps and so does the rest",
            holds=all(one and (one.low or 0) > 1 for one in gains),
        )
        columns.append(tables.list_numbers(title, gains))
    for place, title in enumerate(("a step a call", "its step in a loop", "tuned")):
        times = [own[place].epoch for own in rows.values()]
        columns.append(tables.list_times(f"epoch: {title}", times))
    return render_table(tables.build_table("", columns, leading=1))


def find_backends(published: Published) -> Evidence:
    """An epoch of one Keras file on three backends."""
    names = ("keras-jax", "keras-tensorflow", "keras-torch")
    rows = {name: published.find(name) for name in names}
    return Evidence(
        {
            name.removeprefix("keras-"): format_typical(row.epoch or 0.0)
            for name, row in rows.items()
        },
        (list_programs(names), tables.list_times("epoch", [row.epoch for row in rows.values()])),
        lambda: chart_dots(
            {name: [row.epoch] for name, row in rows.items() if row.epoch},
            "An epoch of the same Keras file",
            "seconds; bars: 95 % intervals",
        ),
    )


def find_releases() -> Evidence:
    """How two years of releases changed an epoch of each program."""
    products: dict[str, list[tuple[str, Interval]]] = {}
    direct: dict[str, tuple[str, Interval]] = {}
    for name, chain in releases.CHAINS.items():
        links = releases.read_links(name, chain)
        ratios = {
            (link.after, case.name): case.metrics[0].ratio
            for link in links[:-1]
            for case in link.cases
            if case.metrics
        }
        for case in links[-1].cases if links else ():
            if case.metrics:
                span = f"{links[-1].before} → {links[-1].after}"
                direct[case.name] = span, case.metrics[0].ratio
        for program in chain.implementations:
            points = [(chain.releases[0], Interval(1.0, 1.0, 1.0))]
            for release in chain.releases[1:]:
                if step := ratios.get((release, program)):
                    points.append((release, releases.multiply(points[-1][1], step)))
            if program in direct:  # the product's uncertainty has grown until here
                points[-1] = points[-1][0], direct[program][1]
            products[program] = points
    order = sorted(direct, key=lambda name: direct[name][1].mean)
    return Evidence(
        {name.replace("-", "_"): describe_change(direct[name][1].mean) for name in order},
        (
            list_programs(order),
            tables.list_words("releases", [direct[name][0] for name in order]),
            tables.list_numbers("epoch, last over first", [direct[name][1] for name in order]),
        ),
        lambda: chart_releases(products),
    )


def describe_change(ratio: float) -> str:
    """Return a ratio of times in words."""
    if ratio < 2 / 3:
        return f"{format_number(1 / ratio, 2)} times faster"
    return f"{abs(ratio - 1):.0%} {'slower' if ratio > 1 else 'faster'}".replace("%", " %")


def find_predictions(published: Published) -> Evidence:
    """The time of labels for one image and for all test images."""
    times = {
        row.case.implementation: (row.prediction.single, row.prediction.typical)
        for row in published.list_rows()
        if row.prediction.single and row.prediction.typical
    }
    order = sorted(times, key=lambda name: times[name][0].mean)
    one, many = times["keras-tensorflow"]
    ways = labels.read(LABELS)
    return Evidence(
        {
            "one": {name: format_typical(times[name][0]) for name in order},
            "share": format_percent(one.mean / many.mean),
            "call": {way: format_typical(ways["tensorflow", way]) for way in labels.WAYS},
            "ways": labels.tabulate(LABELS),
        },
        (
            list_programs(order),
            tables.list_times("one image", [times[name][0] for name in order]),
            tables.list_times("10,000 images", [times[name][1] for name in order]),
        ),
        lambda: chart_dots(
            {name: times[name] for name in order},
            "Labels of one image, and of 10,000",
            "seconds; blue: one image; red: 10,000 images; bars: 95 % intervals",
        ),
    )


def find_many(published: Published) -> Evidence:
    """The hours of many trainings of five epochs, in one process and in a process each.

    In one process: as many times the reset and five epochs. A process each has a start, with
    compile caches that an earlier process left, or with empty ones.
    """
    hours: dict[str, tuple[Interval, Interval, Interval]] = {}
    before = published.time_before_import()
    for row in published.list_rows():
        epoch, reset = row.epoch, row.start.reset
        if row.case.objective == "softmax" and epoch and reset is not None:
            low, mean, high = (
                None if one is None else (EPOCHS * one + reset) * MODELS / 3600
                for one in (epoch.low, epoch.mean, epoch.high)
            )
            warm, cold = (
                train(row, EPOCHS, warm=warm, before=before) / (3600 / MODELS)
                for warm in (True, False)
            )
            hours[row.case.implementation] = Interval(mean or 0.0, low, high), warm, cold
    order = sorted(hours, key=lambda name: hours[name][0].mean)
    claim("Numba trains most models in an hour", holds=order[0] == "numba")
    warm, cold = hours["numba"][1:]
    claim("a kept compile cache helps Numba", holds=2 * warm.mean < cold.mean)
    return Evidence(
        {
            name.replace("-", "_"): {
                "together": format_hours(together.mean),
                "warm": format_hours(warm.mean),
                "cold": format_hours(cold.mean),
            }
            for name, (together, warm, cold) in hours.items()
        }
        | {"before": format_typical(before) if before else ""},
        (
            list_programs(order),
            tables.list_numbers("in one process, hours", [hours[name][0] for name in order]),
            tables.list_numbers("a process each, warm, hours", [hours[name][1] for name in order]),
            tables.list_numbers("a process each, cold, hours", [hours[name][2] for name in order]),
        ),
        lambda: chart_dots(
            {name: hours[name][:2] for name in order},
            f"{MODELS:,} trainings of {EPOCHS} epochs on one core",
            "hours; blue: in one process; red: a process each, warm; bars: 95 % intervals",
            style="~g",
        ),
    )


def find_together(folder: Path) -> Evidence:
    """How many models programs train at once, and how much faster than one by one.

    folder: of a run of the workload ``many``. gain: the time of one by one over that of together,
    with the largest number of models, by framework.
    """
    growths = measure_growth(load_run(folder).rows)
    if any(row.succeeded < PROCESSES for one in growths for row in one.rows.values()):
        raise ValueError(f"{folder} has rows of fewer than {PROCESSES} processes")
    names = [one.case.implementation for one in growths]
    rows = {one.case.implementation: one.rows for one in growths}
    rates = {
        name: {models: compute_rate(row) for models, row in own.items()}
        for name, own in rows.items()
    }
    sizes = sorted({models for by_size in rates.values() for models in by_size})
    gains = {
        name: compare_epochs(rows[alone][sizes[-1]], rows[together][sizes[-1]])
        for name, (together, alone) in TOGETHER.items()
    }
    certain = {name: gain for name, gain in gains.items() if gain and gain.excludes(1)}
    claim("NumPy is faster together", holds=certain.get("numpy", Interval(0)).mean > 1)
    claim("Numba and JAX may be as fast one by one", holds=certain.keys() == {"numpy"})
    return Evidence(
        {
            "rate": {
                name: {models: format_number(rate.mean, 2) for models, rate in by_size.items()}
                for name, by_size in rates.items()
            },
            "gain": {name: format_factor(one) for name, one in gains.items()},
            "times": {name: format_number(one.mean, 2) for name, one in gains.items() if one},
            "machine": name_processor(folder),
        },
        (
            list_programs(names),
            *(
                tables.list_numbers(
                    f"{size:,} model{'s' * (size > 1)}", [rates[name].get(size) for name in names]
                )
                for size in sizes
            ),
            tables.list_memory(
                f"memory at {sizes[-1]:,}",
                [one.rows[sizes[-1]].memory.peak_bytes for one in growths],
            ),
        ),
        lambda: chart_models(growths, "Epochs of single models in a second, by models at once"),
    )


def find_threads(published: Published, other_machine: Published) -> Evidence:
    """What the second core does at batch size 32, and what is certain of it on another machine."""
    found, other = compare_threads(published), compare_threads(other_machine)
    claim("a second core makes TensorFlow slower", holds="`tensorflow`" in found.slower)
    order = list(found.ratios)
    return Evidence(
        {
            "machine": name_processor(published.folder),
            "other_machine": name_processor(other_machine.folder),
            **{
                f"{name}{end}": ", ".join(names) or "none"
                for end, one in (("", found), ("_there", other))
                for name, names in (("slower", one.slower), ("faster", one.faster))
            },
            "total": len(found.ratios),
            "tensorflow": format_number(found.ratios["tensorflow"].mean, 2),
            "tensorflow_there": format_factor(other.ratios["tensorflow"]),
        },
        (
            list_programs(order),
            tables.list_numbers("epoch with two cores over one", list(found.ratios.values())),
        ),
        lambda: chart_dots(
            {name: [ratio] for name, ratio in found.ratios.items()},
            f"An epoch with two cores of a {name_processor(published.folder)}, relative to one",
            "right of the dashed line the second core makes it slower; bars: 95 % intervals",
            line=1,
        ),
    )


class ThreadRatios(NamedTuple):
    """Epochs with two cores over one, the least first, and what is certain for all at once."""

    ratios: Mapping[str, Interval]
    slower: Sequence[str]
    faster: Sequence[str]


def compare_threads(published: Published) -> ThreadRatios:
    """Compare one core with two at batch size 32."""
    ratios: dict[str, Interval] = {}
    times: dict[tuple[str, int], tuple[Mapping[int, float], Traits]] = {}
    for row in published.list_rows():
        name = row.case.implementation
        other = published.rows.get(("sgd", name, 2, 32))
        if other and (ratio := compare_epochs(other, row)):
            ratios[name] = ratio
            times |= {
                (name, n): (one.adjusted_by_round, one.traits)
                for n, one in enumerate((row, other), 1)
            }
    order = sorted(ratios, key=lambda name: ratios[name].mean)
    # For all rows at once: of 26 intervals by themselves one or two miss.
    table = Comparison(times)
    slower = [f"`{name}`" for name in reversed(order) if table.is_slower((name, 2), (name, 1))]
    faster = [f"`{name}`" for name in order if table.is_slower((name, 1), (name, 2))]
    return ThreadRatios({name: ratios[name] for name in order}, slower, faster)


def find_optimizers(published: Published) -> Evidence:
    """What RMSprop adds to a step of plain gradient descent. Raises ValueError."""
    costs: dict[str, Interval] = {}
    for row in published.list_rows("textbook"):
        plain = published.rows.get(("sgd", row.case.implementation, 1, 32))
        if plain and row.case.objective == "softmax":
            times, others = row.epochs_by_round, plain.epochs_by_round
            costs[row.case.implementation] = estimate_difference(
                [
                    (times[number] - others[number]) / row.case.steps
                    for number in sorted(times.keys() & others.keys())
                ]
            )
    order = sorted(costs, key=lambda name: costs[name].mean)
    for name in ("jax", "pytorch"):
        claim(f"RMSprop costs time in {name}", holds=(costs[name].low or 0) > 0)
    return Evidence(
        {
            name.replace("-", "_"): f"{format_number(1e6 * costs[name].mean, 1)} µs"
            for name in order
        },
        (
            list_programs(order),
            tables.list_times("added to a step", [costs[name] for name in order]),
        ),
        lambda: chart_dots(
            {name: [costs[name]] for name in order if (costs[name].low or 0) > 0},
            "What RMSprop adds to a step",
            "seconds; bars: 95 % intervals",
        ),
    )


def find_sleep(published: Published, other_machine: Published) -> Evidence:
    """How often Keras on TensorFlow waits in an epoch, and how long. Raises ValueError."""
    row, other = (one.find("keras-tensorflow") for one in (published, other_machine))
    waits = row.waits
    claim("keras-tensorflow waits", holds=waits is not None)
    assert waits is not None
    return Evidence(
        {
            "machine": name_processor(published.folder),
            "other_machine": name_processor(other_machine.folder),
            "there": "also" if other.waits else "not",
            "share": f"{len(waits.waiting)} of {len(waits.epochs)}",
            "waiting": format_typical(median(waits.waiting)),
            "other": format_typical(median(waits.others)),
        },
        (
            tables.list_words("epochs", ["that wait", "all"]),
            tables.list_words("number", [f"{waits.share:.0%}", str(len(waits.epochs))]),
        ),
        lambda: chart_strip(waits.epochs),
    )


# ----- the pictures


def chart_dots(
    values: Mapping[str, Sequence[Interval]],
    title: str,
    subtitle: str,
    line: float | None = None,
    style: str = "~s",
) -> Any:
    """Draw a line for each program, with a dot and a bar for each of its values, on a log axis.

    line: where a dashed line crosses all of them. style: of numbers on the axis, by default seconds
    with the prefix of their unit.
    """
    colours = (COLOURS["idiomatic"], COLOURS["tuned"])
    points = [
        {
            "name": name,
            "colour": colours[number],
            "value": one.mean,
            "low": one.low if one.low and one.low > 0 else one.mean,
            "high": one.high or one.mean,
        }
        for name, intervals in values.items()
        for number, one in enumerate(intervals)
    ]
    bounds = [bound for point in points for bound in (point["low"], point["high"])]
    x = make_log_channel(bounds, style="~g" if line else style)
    y = alt.Y("name:N", sort=list(values), title=None, axis=alt.Axis(labelFontSize=12, ticks=False))
    base = alt.Chart(alt.Data(values=points)).encode(y=y, color=alt.Color("colour:N", scale=None))
    layers = [
        base.mark_rule(strokeWidth=2).encode(x=alt.X("low:Q", **x), x2="high:Q"),
        base.mark_point(filled=True, opacity=1, size=50).encode(x=alt.X("value:Q", **x)),
    ]
    if line is not None:
        rule = alt.Chart(alt.Data(values=[{"value": line}])).mark_rule(
            color=GREY, strokeDash=[4, 4]
        )
        layers.insert(0, rule.encode(x=alt.X("value:Q", **x)))
    chart = alt.layer(*layers).properties(width=WIDTH, height=ROW_HEIGHT * len(values))
    return set_title(chart, title, subtitle)


def make_log_channel(
    values: Sequence[float], title: str | None = None, style: str = "~g"
) -> dict[str, Any]:
    """Return what the axes of all charts here share: logarithmic, no wider than the values."""
    domain = [min(values) / 1.15, max(values) * 1.15]
    return {
        "scale": alt.Scale(type="log", domain=domain, nice=False),
        "title": title,
        "axis": make_log_axis(values, format=style, grid=True),
    }


def chart_twins(twins: Sequence[Twins]) -> Any:
    """Draw a line for each pair, from an epoch of the program to one of its twin."""
    names = [f"{one.base.case.implementation}: {one.flag}" for one in twins]
    points = [
        {
            "name": name,
            "base": one.base.typical_seconds,
            "twin": one.twin.typical_seconds,
            "colour": COLOURS["tuned"] if one.speedup < 1 else COLOURS["idiomatic"],
            "pays": one.pays().partition(" [")[0].removesuffix(" epochs"),
        }
        for name, one in zip(names, twins, strict=True)
    ]
    seconds = [float(point[end]) for point in points for end in ("base", "twin")]
    x = make_log_channel(seconds, "epoch, s")
    # Room for the letters of a wide font, too.
    room = 7 * max(map(len, names))
    axis = alt.Axis(labelFontSize=12, labelLimit=400, ticks=False, minExtent=room)
    base = alt.Chart(alt.Data(values=points)).encode(
        y=alt.Y("name:N", sort=names, title=None, axis=axis),
        color=alt.Color("colour:N", scale=None),
    )
    ends = {end: base.encode(x=alt.X(f"{end}:Q", **x)) for end in ("base", "twin")}
    chart = alt.layer(
        base.mark_rule(strokeWidth=2).encode(x=alt.X("base:Q", **x), x2="twin:Q"),
        ends["base"]
        .mark_point(filled=True, size=50, opacity=1, color=GREY)
        .encode(color=alt.value(GREY)),
        ends["twin"].mark_point(filled=True, size=70, opacity=1),
        base.mark_text(align="left", dx=6, fontSize=11).encode(x=alt.value(WIDTH), text="pays:N"),
    ).properties(width=WIDTH, height=ROW_HEIGHT * len(twins))
    return set_title(
        chart,
        "A flag or a loop: an epoch without it and with it",
        "grey: without; blue: faster with it, red: slower; right: when it pays, from a cold start",
    )


def chart_strip(epochs: Sequence[float]) -> Any:
    """Draw every timed epoch of a row as a tick."""
    chart = (
        alt.Chart(alt.Data(values=[{"epoch": epoch} for epoch in epochs]))
        .mark_tick(thickness=2, size=40, opacity=0.6, color=COLOURS["idiomatic"])
        .encode(x=alt.X("epoch:Q", title="epoch, s", scale=alt.Scale(zero=False)))
        .properties(width=WIDTH, height=60)
    )
    title = "Every timed epoch of keras-tensorflow"
    return set_title(chart, title, "two clouds: with the wait, and without")


def chart_releases(products: Mapping[str, Sequence[tuple[str, Interval]]]) -> Any:
    """Draw the time of an epoch of each program over the releases of its framework, in order.

    A release that changed it by more than a seventh has its number.
    """
    points, jumps = [], []
    for program, (colour, dash) in DRAWN.items():
        steps = products[program]
        for number, (release, ratio) in enumerate(steps):
            point = {
                "program": program,
                "place": number / len(steps),
                "ratio": ratio.mean,
                "colour": colour,
                "dash": dash,
            }
            points.append(point)
            change = ratio.mean / steps[max(0, number - 1)][1].mean
            if not 7 / 8 < change < 8 / 7:
                jumps.append({**point, "label": release, "below": change < 1})
        points.append({**points[-1], "place": 1})
    ratios = [point["ratio"] for point in points]
    x = alt.X(
        "place:Q",
        title="releases of each framework, in their order",
        scale=alt.Scale(domain=[0, 1], nice=False),
        axis=alt.Axis(labels=False, ticks=False, grid=False),
    )
    y, colour = make_log_channel(ratios), alt.Color("colour:N", scale=None)
    last = {program: products[program][-1][1].mean for program in DRAWN}
    names = [
        {"program": program, "place": 1, "ratio": place, "colour": DRAWN[program][0]}
        for program, place in spread_labels(last, min(ratios) / 1.15, max(ratios) * 1.15, 420)
    ]
    lines, dashes = alt.Chart(alt.Data(values=points)), alt.Scale(range=[[1, 0], [5, 3]])
    texts = alt.Chart(alt.Data(values=jumps)).encode(
        x=x, y=alt.Y("ratio:Q", **y), color=colour, text="label:N"
    )
    chart = alt.layer(
        lines.mark_line(strokeWidth=2, interpolate="step-after").encode(
            x=x,
            y=alt.Y("ratio:Q", **y),
            color=colour,
            detail="program:N",
            strokeDash=alt.StrokeDash("dash:N", scale=dashes, legend=None),
        ),
        texts.transform_filter("datum.below").mark_text(align="left", dx=3, dy=9, fontSize=11),
        texts.transform_filter("!datum.below").mark_text(align="left", dx=3, dy=-7, fontSize=11),
        alt.Chart(alt.Data(values=names))
        .mark_text(align="left", dx=6, fontSize=12)
        .encode(x=x, y=alt.Y("ratio:Q", **y), color=colour, text="program:N"),
    ).properties(width=WIDTH - 60, height=420)
    return set_title(
        chart,
        "Two years of releases: an epoch relative to the first one",
        "ratios of neighbours, multiplied; below 1: faster; numbers: releases that changed much",
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]))
