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
from typing import Any

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
    ("pytorch", "pytorch-compiled-step", "torch.compile around a step"),
    ("pytorch", "pytorch-fullgraph-step", "the same without a graph break"),
    ("pytorch", "pytorch-compiled", "ten steps in one graph"),
    ("keras-torch", "keras-torch-jit", "jit_compile=True"),
    ("keras-jax", "keras-jax-50-steps", "steps_per_execution=50"),
    ("keras-jax", "keras-jax-scan", "a scan in train_step"),
    ("keras-tensorflow", "keras-tensorflow-loop", "a loop in train_step"),
    ("tensorflow", "tensorflow-loop", "a loop in a tf.function"),
    ("jax", "jax-scan", "lax.scan"),
    ("flax-nnx", "flax-nnx-functional", "the functional loop"),
)
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
        self.run = load_run(folder)
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
    published = Published(folder)
    return {
        "half": find_half_sizes(published),
        "twins": find_twins(published),
        "backends": find_backends(published),
        "releases": find_releases(),
        "predictions": find_predictions(published),
        "many": find_many(published),
        "together": find_together(folder.with_name(f"{folder.name}-many")),
        "threads": find_threads(published),
        "optimizer": find_optimizers(published),
        "sleep": find_sleep(published),
    }


def render(folder: Path, evidence: Mapping[str, Evidence]) -> dict[Path, str]:
    """Return the texts of docs/findings.md and of README."""
    published = Published(folder)
    run = published.run
    values = {
        name: {**one.figures, "table": render_table(tables.build_table("", one.columns, leading=1))}
        for name, one in evidence.items()
    }
    # What the folder says: older records name no family of the processor.
    processor = next((f" ({name})" for mark, name in ZEN.items() if mark in folder.name), "")
    values |= {
        "machine": escape(run.machine_name) + processor,
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
    compiled = by_name["pytorch-compiled-step"], by_name["pytorch-compiled"]
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
        },
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


def find_threads(published: Published) -> Evidence:
    """What the second core does at batch size 32."""
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
    claim("a second core makes TensorFlow slower", holds="`tensorflow`" in slower)
    return Evidence(
        {
            "slower": ", ".join(slower) or "none",
            "faster": ", ".join(faster) or "none",
            "total": len(ratios),
            "tensorflow": format_number(ratios["tensorflow"].mean, 2),
        },
        (
            list_programs(order),
            tables.list_numbers("epoch with two cores over one", [ratios[one] for one in order]),
        ),
        lambda: chart_dots(
            {name: [ratios[name]] for name in order},
            "An epoch with two cores, relative to one",
            "right of the dashed line the second core makes it slower; bars: 95 % intervals",
            line=1,
        ),
    )


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


def find_sleep(published: Published) -> Evidence:
    """How often Keras on TensorFlow waits in an epoch, and how long. Raises ValueError."""
    row = published.find("keras-tensorflow")
    waits = row.waits
    claim("keras-tensorflow waits", holds=waits is not None)
    assert waits is not None
    return Evidence(
        {
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
    """Draw a line from each program to its twin: the start against an epoch."""
    lines, ends = [], {}
    for one in twins:
        colour = COLOURS["tuned"] if one.speedup < 1 else COLOURS["idiomatic"]
        for last, row in enumerate((one.base, one.twin)):
            name = row.case.implementation
            point = {"start": estimate_start(row).mean, "epoch": row.typical_seconds}
            lines.append(
                {**point, "pair": one.twin.case.implementation, "colour": colour, "order": last}
            )
            ends[name] = {**point, "name": name, "colour": colour if last else GREY}
    # A name stands to the right of its dot, a little higher or lower where others are near.
    epochs = [end["epoch"] for end in ends.values()]
    places = spread_labels(
        dict(zip(ends, epochs, strict=True)), min(epochs) / 1.15, max(epochs) * 1.15, 460
    )
    labels = [{**ends[name], "place": place} for name, place in places]
    starts = [end["start"] for end in ends.values()]
    x = make_log_channel([*starts, 1.8 * max(starts)], "start, s")
    y = make_log_channel(epochs, "epoch, s")
    colour = alt.Color("colour:N", scale=None)
    dots = alt.Chart(alt.Data(values=labels))
    chart = alt.layer(
        alt.Chart(alt.Data(values=lines))
        .mark_line(strokeWidth=2)
        .encode(
            x=alt.X("start:Q", **x),
            y=alt.Y("epoch:Q", **y),
            color=colour,
            detail="pair:N",
            order="order:Q",
        ),
        dots.mark_point(filled=True, size=60, opacity=1).encode(
            x=alt.X("start:Q", **x), y=alt.Y("epoch:Q", **y), color=colour
        ),
        dots.mark_text(align="left", dx=8, fontSize=11).encode(
            x=alt.X("start:Q", **x), y=alt.Y("place:Q", **y), text="name:N"
        ),
    ).properties(width=WIDTH, height=460)
    return set_title(
        chart,
        "A flag or a loop: the start against an epoch",
        "lines lead from a program (grey) to its twin; blue: a faster epoch, red: a slower one",
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
