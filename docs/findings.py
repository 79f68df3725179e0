"""Make docs/findings.md and README's results from the published runs, or measure a finding here.

``python docs/findings.py write`` writes the pages from findings.md.j2 and results.md.j2 in docs/,
and pictures and tables in docs/findings/.
``python docs/findings.py live FOLDER`` writes a report with a column for each of their machines.
``python docs/findings.py measure NAME [OPTION …]`` runs what a finding rests on, with more options
of ``softmax-bench run``, and prints its figures beside those of the published machines.
"""

import csv
import io
import math
import re
import subprocess
import sys
import tempfile
import textwrap
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import pairwise
from pathlib import Path
from statistics import geometric_mean, median
from typing import Any, NamedTuple

import expected
import figures
import jinja2
import pictures
import releases
import vl_convert
from figures import (
    HEADINGS,
    MANY,
    NOISY_SWEEPS,
    ROOT,
    RUNS,
    SWEEPS,
    TRAIN,
    Published,
    estimate_start,
)

from bench.analysis.expected import BASE, read_expected
from bench.analysis.intervals import Interval, Traits, estimate_typical
from bench.analysis.ladder import StepCost, measure_steps
from bench.analysis.many import compute_rate, measure_growth
from bench.analysis.ranking import Ranking, compare_epochs
from bench.analysis.summary import Row
from bench.records.environments import list_versions
from bench.records.store import read_run
from bench.report.base import tables
from bench.report.base.labels import EPOCHS, REMARKS, format_time
from bench.report.base.load import LoadedRun, load_runs
from bench.report.base.numbers import (
    format_factor,
    format_number,
    format_percent,
    format_share,
    format_typical,
)
from bench.report.base.tables import Column
from bench.report.charts.chart import make_specification, render_svg
from bench.report.charts.expected import FORMS, LOOP, TUNED, chart_expected
from bench.report.render.markdown import render_table
from bench.report.write import write_report
from implementations import IMPLEMENTATIONS

DOCS = ROOT / "docs"
README = ROOT / "README.md"
LABELS = DOCS / "studies" / "labels.csv"
FIRST, LAST = "<!-- results: made by `python docs/findings.py write` -->", "<!-- end of results -->"
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
CARD = "order"  # the picture that links to the site show, for which it has to be a PNG
# How parts begin that are no paragraphs: tables, headings, pictures, HTML, code.
UNWRAPPED = ("|", "#", "!", "[!", "<", "```")
WRAPPING = {"break_long_words": False, "break_on_hyphens": False}
# The rows of the pictures: tables have all of them.
DRAWN = (
    *("numba", "jax-scan", "numpy", "tensorflow-loop", "sklearn-softmax", "jax", "keras-jax"),
    *("pytorch", "tensorflow", "keras-tensorflow", "keras-torch"),
)
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
LOOPS = {name: [own[name] for own in FORMS.values()] for name in FORMS[LOOP]}
# Who chooses what, and the frameworks among which they choose; the first one has all.
CHOICES = {
    "any": (),
    "NumPy": ("numpy",),
    "scikit-learn": ("sklearn", "scikit-learn"),
    "JAX": ("jax", "optax", "flax", "equinox"),
    "PyTorch": ("torch", "lightning", "skorch"),
    "Keras": ("keras",),
    "TensorFlow": ("tensorflow",),
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

        By the printed times. warm: both start with the compile caches of an earlier process.
        """
        starts = [figures.select_starts(row, warm=warm) for row in (self.base, self.twin)]
        epochs = [row.epochs_by_round for row in (self.base, self.twin)]
        cost = estimate_start(self.twin, warm=warm).mean - estimate_start(self.base, warm=warm).mean
        saved = self.base.typical_seconds - self.twin.typical_seconds
        if saved <= 0:
            return "never"
        counts = [max(0.0, cost) / saved]
        # Rounds that both have; a row without caches starts in all rounds alike.
        for number in sorted(starts[1]):
            cost = starts[1][number] - starts[0].get(number, median(starts[0].values()))
            gain = epochs[0][number] - epochs[1][number]
            counts.append(max(0.0, cost) / gain if gain > 0 else math.inf)
        typical, low, high = (
            "never" if one == math.inf else f"{math.ceil(one):,}"
            for one in (counts[0], min(counts), max(counts))
        )
        if typical == "0":
            return "at once"
        return f"after {typical}{f' [{low}, {high}]' if low != high else ''} epochs"


def main(words: Sequence[str]) -> None:
    """Write the pages and the pictures, or measure a finding."""
    match list(words):
        case ["write"]:
            write()
        case ["live", folder]:
            write_report(load_processors(), Path(folder))
        case ["measure", name, *options] if name in HEADINGS:
            measure(name, options)
        case _:
            raise SystemExit(
                f"python docs/findings.py write | live FOLDER | measure {{{','.join(HEADINGS)}}}"
            )


def write() -> None:
    """Write the page, README's results, the pictures and the tables."""
    evidence = collect()
    (DOCS / "findings").mkdir(exist_ok=True)
    for name, one in evidence.items():
        svg = render_svg(make_specification(one.draw))
        (DOCS / "findings" / f"{name}.svg").write_text(svg, encoding="utf-8")
        if name == CARD:
            picture = vl_convert.svg_to_png(svg, scale=1.5)
            (DOCS / "findings" / f"{name}.png").write_bytes(picture)
    for path, text in render(evidence).items():
        path.write_text(text, encoding="utf-8")


def load_processors() -> list[LoadedRun]:
    """Load the published runs with the names of their processors, and those that were sent."""
    runs = load_runs([figures.REFERENCE / source.folder for source in RUNS.values()])
    known = [
        replace(run, name=name, rows=[replace(row, machine=name) for row in run.rows])
        for name, run in zip(RUNS, runs, strict=True)
    ]
    folders = sorted(path.parent for path in figures.REFERENCE.glob("*/run.json"))
    others = [one for one in folders if one.name not in {source.folder for source in RUNS.values()}]
    return known + load_runs(one for one in others if read_run(one).preset == "share")


def measure(name: str, options: Sequence[str]) -> None:
    """Run what a finding rests on, and print its figures beside the published ones."""
    heading = HEADINGS[name]
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "bench", "run", *heading.command.split()]
        subprocess.run([*command, "--output", f"{folder}/run", *options], cwd=ROOT, check=True)
        for line in expected.compare_with_published(heading, Path(folder) / "run"):
            sys.stdout.write("{}: {} here, {}\n".format(*line))


def collect() -> dict[str, Evidence]:
    """Return what each finding rests on, by the name that the templates have for it."""
    runs = figures.read_runs()
    place, first = next(iter(runs.items()))
    return {
        "order": find_order(),
        "twins": find_twins(first, place),
        "releases": find_releases(),
        "predictions": find_predictions(first, place),
        "threads": find_threads(runs),
        "half": find_half_sizes(first, place),
        "many": find_many(first, place),
        "together": find_together(figures.read_runs(SWEEPS), figures.read_runs(NOISY_SWEEPS)),
    }


def render(evidence: Mapping[str, Evidence]) -> dict[Path, str]:
    """Return the texts of docs/findings.md, of README and of the tables."""
    runs = figures.read_runs()
    processor, published = next(iter(runs.items()))
    values: dict[str, Any] = {name: one.figures for name, one in evidence.items()}
    values |= {
        "figures": {name: expected.predict_heading(one) for name, one in HEADINGS.items()},
        "processor": processor,
        "keras": format_typical(published.find("keras-jax").epoch or 0.0),
        "date": format_time(published.run.plan.created).partition(",")[0],
        "report": f"results/reference/{RUNS[processor].folder}/report.md",
        "overview": describe_overview(published),
        "expected": (intervals := read_expected()),
        "behind": f"{intervals['jax'].runs} runs, {intervals['jax'].processors} processors",
        "counts": list(expected.list_counts()),
        "tested": expected.count_predicted(),
        "choices": tabulate_choices(published),
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
    texts = {DOCS / "findings.md": findings, README: f"{before}{FIRST}\n{results}{LAST}{after}"}
    return texts | {
        DOCS / "findings" / f"{name}.csv": write_table(one.columns)
        for name, one in evidence.items()
        if one.columns
    }


def write_table(columns: Sequence[Column]) -> str:
    """Return columns as CSV, an interval in brackets behind its value as the pages have it."""
    table, text = tables.build_table("", columns, leading=1), io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([table.headings, *table.lines])
    return text.getvalue()


def describe_overview(published: Published) -> dict[str, Any]:
    """Return what README's first lines name: programs, versions, and trainings.

    after: what a new process that trains so many epochs takes, from a cold start, over NumPy's,
    by epochs and program. seconds: NumPy's own. chapter: the validation accuracies of the
    textbook's programs.
    """
    rows = select_softmax(published)
    versions = list_versions(published.run.environments.values())
    for epochs, firsts in {5: {"numpy"}, 100: {"jax-scan"}, 1000: {"numba", "jax-scan"}}.items():
        for folder, own in list_trainings(epochs):
            claim(
                f"{' or '.join(sorted(firsts))} is done first with {epochs} epochs in {folder}",
                holds=min(own, key=own.__getitem__) in firsts,
            )
    return {
        "programs": len(rows),
        "frameworks": len({row.case.framework for row in rows}),
        "versions": ", ".join(
            f"{name} {versions[distribution].partition('+')[0]}"
            for distribution, name in NAMED.items()
            if distribution in versions
        ),
        "after": {epochs: expected.expect_all(measure, BASE) for epochs, measure in TRAIN.items()},
        "seconds": format_wall(published.train(BASE, EPOCHS)),
        "many": expected.expect_all(MANY, BASE),
        "chapter": {
            row.name: format_share(row.measured)
            for row in published.run.textbook
            if row.quantity.endswith("accuracy")
        },
    }


def list_trainings(epochs: int) -> Iterator[tuple[str, dict[str, float]]]:
    """Yield by published run what its programs need for so many epochs, over NumPy."""
    for by_folder in expected.read_ratios(TRAIN[epochs], BASE).values():
        for folder, ratios in by_folder.items():
            yield folder, {BASE: 1.0, **ratios}


def select_softmax(published: Published) -> list[Row]:
    """Return the rows that end with the reference's weights, the fastest first."""
    return [row for row in published.list_rows() if row.case.objective == "softmax"]


def tabulate_choices(published: Published) -> str:
    """Return the program that is done first by framework and by what is trained, with its time.

    On one machine; a star where in any published run another program of the framework is first.
    """
    demands: dict[str, figures.Measure] = {
        f"{epochs:,} epochs": measure for epochs, measure in TRAIN.items()
    }
    demands[f"{MODELS:,} models, five epochs each"] = train_models
    columns = [tables.list_words("framework", CHOICES)]
    columns += [
        tables.list_words(demand, [choose(published, own, measure) for own in CHOICES.values()])
        for demand, measure in demands.items()
    ]
    return render_table(tables.build_table("", columns, leading=1))


def train_models(published: Published, name: str) -> float:
    """Return the seconds of many models, one after the other."""
    return MODELS * published.time_trainings(name)


def choose(published: Published, frameworks: Sequence[str], measure: figures.Measure) -> str:
    """Return the program that is done first, and its time; frameworks: none for all."""
    names = {
        row.case.implementation
        for row in select_softmax(published)
        if not frameworks or row.case.framework in frameworks
    }
    seconds = {name: measure(published, name) for name in names}
    name = min(seconds, key=seconds.__getitem__)
    firsts = {
        min(common, key=own.__getitem__)
        for by_folder in expected.read_ratios(measure, None).values()
        for own in by_folder.values()
        if (common := names & own.keys())
    }
    return f"{name}, {format_wall(seconds[name])}{'' if firsts == {name} else ' *'}"


def format_wall(seconds: float) -> str:
    """Return a time in seconds, from two minutes on in minutes, from two hours on in hours."""
    if seconds >= 7200:
        return f"{format_number(seconds / 3600, 2)} h"
    return f"{seconds / 60:.0f} min" if seconds >= 120 else f"{format_number(seconds, 2)} s"


def wrap(text: str) -> str:
    """Return Markdown with the lines of its paragraphs filled to 120 columns."""
    return "\n\n".join(
        part if part.startswith(UNWRAPPED) else textwrap.fill(part, 120, **WRAPPING)
        for part in re.split(r"\n\n+", text)
    )


def list_programs(names: Iterable[str], place: str | None = None) -> Column:
    """Return a column of programs, with the remark on each. place: the only processor."""
    heading = f"program, on a {place}" if place else "program"
    return tables.list_words(heading, [name + REMARKS.get(name, "") for name in names])


def pick(order: Sequence[str]) -> list[str]:
    """Return the programs that pictures show, in this order."""
    return [name for name in order if name in DRAWN]


# ----- what was found


def claim(sentence: str, *, holds: bool) -> None:
    """Raise ValueError if the runs do not bear out what a template says in words."""
    if not holds:
        raise ValueError(f"the runs do not show that {sentence}: rewrite its finding")


def find_order() -> Evidence:
    """Where an epoch of each framework is expected."""
    check_yardstick()
    published = {
        folder: run
        for by_folder in expected.read_ratios().values()
        for folder, run in by_folder.items()
    }
    title = (
        "As documented, every framework is slower than NumPy; with its loop compiled it catches "
        "up, tuned it is ahead"
    )
    subtitle = (
        "an epoch in multiples of NumPy's, the line; grey: nine of ten new runs; dots: published "
        "runs"
    )
    return Evidence(
        {},
        (),
        lambda: pictures.finish(
            chart_expected(read_expected(), published, title, subtitle, pictures.PLOT),
            title,
            subtitle,
        ),
    )


def check_yardstick() -> None:
    """Raise ValueError if a published run does not show what the page says of all programs."""
    loops, tuned = ({*FORMS[form].values()} for form in (LOOP, TUNED))
    documented = {entry.name for entry in IMPLEMENTATIONS if entry.style == "idiomatic"} - loops
    for by_folder in expected.read_ratios().values():
        for folder, ratios in by_folder.items():
            for name, ratio in ratios.items():
                claim(
                    f"{name} is slower than NumPy in {folder}",
                    holds=name not in documented or ratio > 1,
                )
                claim(
                    f"{name} catches up with NumPy in {folder}",
                    holds=name not in loops or ratio < 1.2,
                )
                claim(
                    f"{name} is faster than NumPy in {folder}", holds=name not in tuned or ratio < 1
                )


def find_twins(published: Published, place: str) -> Evidence:
    """What a flag costs at the start, and what it does to an epoch, on the first machine."""
    twins = [Twins(published.find(base), published.find(twin), flag) for base, twin, flag in TWINS]
    by_name = {one.twin.case.implementation: one for one in twins}
    compiled = by_name["pytorch-compiled-step"], by_name["pytorch-ten-steps"]
    claim(
        "a compiled step is slower, ten faster", holds=compiled[0].speedup < 1 < compiled[1].speedup
    )
    lines = [
        pictures.Line(
            f"{one.base.case.implementation}: {one.flag}",
            one.base.typical_seconds,
            one.twin.typical_seconds,
            one.pays().partition(" [")[0].removesuffix(" epochs"),
        )
        for one in sorted(twins, key=lambda one: one.speedup)
    ]
    title = (
        f"torch.compile around a step takes {format_number(1 / compiled[0].speedup, 2)} times as "
        f"long; ten steps in one graph are {format_number(compiled[1].speedup, 2)} times as fast"
    )
    return Evidence(
        {
            name.replace("-", "_"): {
                "cost": format_typical(one.cost),
                "pays": one.pays(),
                "pays_warm": one.pays(warm=True),
            }
            for name, one in by_name.items()
        }
        | {"loops": measure_loops(published)},
        (
            list_programs((one.base.case.implementation for one in twins), place),
            tables.list_words("with", [f"{one.flag} ({name})" for name, one in by_name.items()]),
            tables.list_times("epoch", [one.base.epoch for one in twins]),
            tables.list_times("epoch with it", [one.twin.epoch for one in twins]),
            tables.list_times(
                "start [range of rounds]", [estimate_start(one.base) for one in twins]
            ),
            tables.list_times("start with it [range]", [estimate_start(one.twin) for one in twins]),
            tables.list_times(
                "warm start with it [range]",
                [estimate_start(one.twin, warm=True) for one in twins],
            ),
            tables.list_words("pays", [one.pays() for one in twins]),
            tables.list_words("pays, warm", [one.pays(warm=True) for one in twins]),
        ),
        lambda: pictures.chart_twins(lines, title),
    )


def measure_loops(published: Published) -> dict[str, list[str]]:
    """Return by framework how much a loop that the compiler sees gives, and the rest of a program.

    Raises ValueError if either does not certainly give something in one of the frameworks.
    """
    gains: dict[str, list[str]] = {}
    for framework, names in LOOPS.items():
        rows = [published.find(name) for name in names]
        ratios = [compare_epochs(slow, fast) for slow, fast in pairwise(rows)]
        claim(
            f"a loop helps {framework}, and so does the rest",
            holds=all(one and (one.low or 0) > 1 for one in ratios),
        )
        gains[framework] = [format_factor(one) for one in ratios if one]
    return gains


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
                change = f"{links[-1].before} → {links[-1].after}"
                direct[case.name] = change, case.metrics[0].ratio
        for program in chain.implementations:
            points = [(chain.releases[0], Interval(1.0, 1.0, 1.0))]
            for release in chain.releases[1:]:
                if step := ratios.get((release, program)):
                    points.append((release, releases.multiply(points[-1][1], step)))
            if program in direct:  # the product's uncertainty has grown until here
                points[-1] = points[-1][0], direct[program][1]
            products[program] = points
    order = sorted(direct, key=lambda name: direct[name][1].mean)
    title = (
        f"Two years of releases: lax.scan {describe_change(direct['jax-scan'][1].mean)}, a jitted "
        f"step {describe_change(direct['jax'][1].mean)}"
    )
    return Evidence(
        {name.replace("-", "_"): describe_change(direct[name][1].mean) for name in order},
        (
            list_programs(order),
            tables.list_words("releases", [direct[name][0] for name in order]),
            tables.list_numbers("epoch, last over first", [direct[name][1] for name in order]),
        ),
        lambda: pictures.chart_releases(products, releases.read_dates(), title),
    )


def describe_change(ratio: float) -> str:
    """Return a ratio of times in words."""
    if ratio < 2 / 3:
        return f"{format_number(1 / ratio, 2)} times as fast"
    return f"{abs(ratio - 1):.0%} {'slower' if ratio > 1 else 'faster'}".replace("%", " %")


def find_predictions(published: Published, place: str) -> Evidence:
    """The time of labels for one image and for all test images, on the first machine."""
    times = {
        row.case.implementation: (row.prediction.single, row.prediction.typical)
        for row in published.list_rows()
        if row.prediction.single and row.prediction.typical
    }
    order = sorted(times, key=lambda name: times[name][0].mean)
    one, many = times["keras-tensorflow"]
    ways: dict[str, list[float]] = {}
    with LABELS.open(encoding="utf-8", newline="") as stream:
        for line in csv.DictReader(stream):
            if line["backend"] == "tensorflow":
                ways.setdefault(line["way"], []).append(float(line["seconds"]))
    title = (
        f"One label: {format_typical(times['numpy'][0].mean)} in NumPy, "
        f"{format_typical(one.mean)} by Keras's predict on TensorFlow"
    )
    return Evidence(
        {
            "one": {name: format_typical(times[name][0]) for name in order},
            "share": format_percent(one.mean / many.mean),
            "call": {way: format_typical(estimate_typical(own)) for way, own in ways.items()},
        },
        (
            list_programs(order, place),
            tables.list_times("one image", [times[name][0] for name in order]),
            tables.list_times("10,000 images", [times[name][1] for name in order]),
        ),
        lambda: pictures.chart_dots(
            {name: [times[name][0]] for name in pick(order)}, title, "one image; bars: 95 %"
        ),
    )


class ThreadRatios(NamedTuple):
    """Epochs with two cores over one, the least first, and what is certain for all at once."""

    ratios: Mapping[str, Interval]
    slower: Sequence[str]
    faster: Sequence[str]


def find_threads(runs: Mapping[str, Published]) -> Evidence:
    """What the second core does at batch size 32, and what is certain of it on each machine."""
    compared = {processor: compare_threads(published) for processor, published in runs.items()}
    compared = {processor: one for processor, one in compared.items() if len(one.ratios) > 2}
    claim(
        "a second core makes TensorFlow slower somewhere, and faster nowhere",
        holds=any("`tensorflow`" in one.slower for one in compared.values())
        and all(one.ratios["tensorflow"].mean > 1 for one in compared.values()),
    )
    order = sorted(
        {name for one in compared.values() for name in one.ratios},
        key=lambda name: geometric_mean(
            one.ratios[name].mean for one in compared.values() if name in one.ratios
        ),
    )
    place, first = next(iter(compared.items()))
    tensorflow = format_number(first.ratios["tensorflow"].mean, 2)
    title = f"On a {place} a second core makes TensorFlow's epoch {tensorflow} times as long"
    return Evidence(
        {
            "machines": [
                {
                    "processor": processor,
                    "total": len(one.ratios),
                    "slower": ", ".join(one.slower) or "none",
                    "faster": ", ".join(one.faster) or "none",
                    "tensorflow": format_factor(one.ratios["tensorflow"]),
                }
                for processor, one in compared.items()
            ],
            "tensorflow": tensorflow,
        },
        (
            list_programs(order),
            *(
                tables.list_numbers(
                    f"two cores over one, {processor}", [one.ratios.get(name) for name in order]
                )
                for processor, one in compared.items()
            ),
        ),
        lambda: pictures.chart_dots(
            {
                name: [one.ratios[name] for one in compared.values() if name in one.ratios]
                for name in pick(order)
            },
            title,
            "epoch with two cores over one; right of 1: slower; values: " + ", ".join(compared),
            line=1,
        ),
    )


def compare_threads(published: Published) -> ThreadRatios:
    """Compare one core with two at batch size 32."""
    ratios: dict[str, Interval] = {}
    times: dict[tuple[str, int], tuple[Mapping[int, float], Traits]] = {}
    for row in published.list_rows():
        name = row.case.implementation
        other = published.rows.get(("sgd", name, 2, 32))
        if other and other.succeeded >= published.processes:
            if ratio := compare_epochs(other, row):
                ratios[name] = ratio
            times |= {
                (name, n): (one.epochs_by_round, one.traits)
                for n, one in enumerate((row, other), 1)
            }
    order = sorted(ratios, key=lambda name: ratios[name].mean)
    # For all rows at once: of 26 intervals by themselves one or two miss.
    table = Ranking(times)
    slower = [f"`{name}`" for name in reversed(order) if table.is_slower((name, 2), (name, 1))]
    faster = [f"`{name}`" for name in order if table.is_slower((name, 1), (name, 2))]
    return ThreadRatios({name: ratios[name] for name in order}, slower, faster)


def find_half_sizes(published: Published, place: str) -> Evidence:
    """Up to which batch size half of a step is overhead, and what that predicts."""
    names = {row.case.slug: row.case.implementation for row in published.list_rows()}
    costs: dict[str, StepCost] = {
        names[slug]: cost
        for slug, cost in measure_steps(published.run.rows, published.run.plan).items()
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
    half = expected.predict_heading(HEADINGS["half"])
    title = (
        f"Half of a step is overhead up to a batch of {half['images, JAX']} in JAX, "
        f"{half['images, Keras on PyTorch']} in Keras on PyTorch"
    )
    return Evidence(
        {"close": close},
        (
            list_programs(order, place),
            tables.list_numbers("n½, images", [sizes[name] for name in order]),
            *(
                tables.list_words(
                    f"epoch at {size:,}, predicted over measured",
                    [f"{by_name[name]:+.0%}" if name in by_name else "" for name in order],
                )
                for size, by_name in sorted(errors.items())
            ),
        ),
        lambda: pictures.chart_dots(
            {name: [sizes[name]] for name in pick(order)},
            title,
            "images; bars: 95 % intervals; dashed: a batch of 32",
            line=32,
        ),
    )


def find_many(published: Published, place: str) -> Evidence:
    """The hours of many trainings of five epochs, in one process and in a process each.

    In one process: as many times the reset and five epochs. A process each has a start, with
    compile caches that an earlier process left, or with empty ones.
    """
    for by_folder in expected.read_ratios(MANY, BASE).values():
        for folder, own in by_folder.items():
            first = min(own, key=own.__getitem__)
            claim(f"Numba trains most models in an hour in {folder}", holds=first == "numba")
    hours: dict[str, tuple[Interval, Interval, Interval]] = {}
    before = published.time_before_import()
    for row in select_softmax(published):
        epoch, reset = row.epoch, row.start.reset
        if epoch and reset is not None:
            low, mean, high = (
                None if one is None else (EPOCHS * one + reset) * MODELS / 3600
                for one in (epoch.low, epoch.mean, epoch.high)
            )
            warm, cold = (
                figures.train(row, EPOCHS, warm=warm, before=before) / (3600 / MODELS)
                for warm in (True, False)
            )
            hours[row.case.implementation] = Interval(mean or 0.0, low, high), warm, cold
    order = sorted(hours, key=lambda name: hours[name][0].mean)
    warm, cold = hours["numba"][1:]
    claim("a kept compile cache helps Numba", holds=2 * warm.mean < cold.mean)
    together = {name: format_wall(3600 * own[0].mean) for name, own in hours.items()}
    title = (
        f"{MODELS:,} trainings on one core: {together['numba']} in Numba, "
        f"{together['pytorch']} in PyTorch"
    )
    return Evidence(
        {
            "together": together,
            "warm": {name: format_wall(3600 * own[1].mean) for name, own in hours.items()},
            "cold": {name: format_wall(3600 * own[2].mean) for name, own in hours.items()},
        },
        (
            list_programs(order, place),
            tables.list_numbers("in one process, hours", [hours[name][0] for name in order]),
            tables.list_numbers("a process each, warm, hours", [hours[name][1] for name in order]),
            tables.list_numbers("a process each, cold, hours", [hours[name][2] for name in order]),
        ),
        lambda: pictures.chart_dots(
            {name: [hours[name][0] / (1 / 3600)] for name in pick(order)},
            title,
            f"five epochs each, in one process, on a {place}; bars: 95 % intervals",
            write=format_wall,
        ),
    )


def find_together(runs: Mapping[str, Published], noisy: Mapping[str, Published]) -> Evidence:
    """How many models programs train at once, and how much faster than one by one.

    noisy: runs that the text names, and that are in no heading. gain: with the largest number of
    models, by framework. The table and the picture are of the first machine.
    """
    gains: dict[str, dict[str, Interval]] = {name: {} for name in TOGETHER}
    for processor, published in {**runs, **noisy}.items():
        growths = measure_growth(published.run.rows)
        rows = {one.case.implementation: one.rows for one in growths}
        least = min(row.succeeded for sizes in rows.values() for row in sizes.values())
        claim(f"a row has {least} processes", holds=least >= published.processes)
        for name, (together, alone) in TOGETHER.items():
            most = max(rows[alone])
            gain = compare_epochs(rows[alone][most], rows[together][most])
            assert gain is not None
            gains[name][processor] = gain
    for processor in (*runs, *noisy):
        claim("NumPy is faster together", holds=(gains["numpy"][processor].low or 0) > 1)
        others = gains["jax"][processor], gains["numba"][processor]
        claim("Numba and JAX may be as fast", holds=not any(one.excludes(1) for one in others))
    processor, published = next(iter(runs.items()))
    numpy = format_number(gains["numpy"][processor].mean, 2)
    first = measure_growth(published.run.rows)
    rates = {
        one.case.implementation: {models: compute_rate(row) for models, row in one.rows.items()}
        for one in first
    }
    sizes = sorted({models for by_size in rates.values() for models in by_size})
    return Evidence(
        {
            "rate": {name: format_number(own[sizes[-1]].mean, 2) for name, own in rates.items()},
            "gain": {
                name: {where: format_factor(one) for where, one in own.items()}
                for name, own in gains.items()
            },
            "numpy": numpy,
            "machine": processor,
            "noisy": next(iter(noisy)),
        },
        (
            list_programs(rates, processor),
            *(
                tables.list_numbers(
                    f"{size:,} at once, models × epochs a second",
                    [own.get(size) for own in rates.values()],
                )
                for size in sizes
            ),
            tables.list_memory(
                f"memory at {sizes[-1]:,}", [one.rows[sizes[-1]].memory.peak_bytes for one in first]
            ),
        ),
        lambda: pictures.chart_dots(
            {name: [own[sizes[-1]]] for name, own in rates.items()},
            f"NumPy trains a hundred models {numpy} times as fast together as one by one",
            f"models × epochs a second on a {processor}, a hundred models; bars: 95 %",
            write=partial(format_number, digits=2),
        ),
    )


if __name__ == "__main__":
    main(sys.argv[1:])
