"""Renew what pages take from code and results: a record's schema, presets, machines, README.

``python docs/generate.py [results/reference/NAME]``; without a run, the README stays.
"""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from bench.analysis.summary import Row
from bench.planning.cases import SWEEP_BATCH_SIZES
from bench.planning.presets import ALL_CORES, PRESETS, Preset
from bench.records.schema import FORMAT, Record
from bench.records.store import read_environments
from bench.report import tables
from bench.report.charts.chart import name_file
from bench.report.labels import (
    EPOCHS,
    EPOCHS_IN_WORDS,
    describe_problem,
    name_case,
    select_ranked,
    time_from_cold,
)
from bench.report.load import LoadedRun, load_run
from bench.report.opening import make_opening, name_suite
from bench.report.parts import Picture
from bench.report.render.markdown import escape, render_table
from bench.report.sections.costs.steps import describe_steps
from bench.report.sections.programs import STYLES
from bench.report.sections.setting.runs import format_time
from bench.report.sections.verdict import write_finding
from bench.worker.workloads import WORKLOADS

ROOT = Path(__file__).parents[1]
SCHEMA = ROOT / "docs" / "record.schema.json"
README = ROOT / "README.md"
METHODOLOGY = ROOT / "docs" / "methodology.md"
RESULTS = ROOT / "results" / "README.md"
PARENTS_CLOCK = 8  # the format since which all times are the parent's


def describe_line() -> dict[str, Any]:
    """Return the JSON Schema of a line of trials.jsonl."""
    schema = msgspec.json.schema(Record)
    for definition in schema["$defs"].values():
        if "kind" in definition["properties"]:  # a record, and no part of one
            definition["properties"]["check"] = {
                "description": "CRC-32 of the line without this member.",
                "type": "string",
                "pattern": "^[0-9a-f]{8}$",
            }
            definition["required"].append("check")
    title = f"A line of trials.jsonl, format {FORMAT}"
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": title, **schema}


def render_results(folder: Path) -> str:
    """Return the finding, the chart and the table of a published run's first workload.

    Also what a step costs through each layer, and its chart, where the run has two batch sizes.
    """
    run = load_run(folder)
    rows = select_ranked(run.rows, run.workload)
    path = folder.resolve().relative_to(ROOT).as_posix()
    picture = make_opening(run).picture
    assert picture is not None  # a published run has a chart
    steps = describe_steps(run)
    ladder = [steps.text] * bool(steps.pictures)
    ladder += [link_picture(steps_picture, path) for steps_picture in steps.pictures]
    columns = (
        tables.list_words("program", [name_case(row.case) for row in rows]),
        tables.list_words("style", [row.case.style for row in rows]),
        tables.list_times("epoch", [row.epoch for row in rows]),
        tables.list_times(
            f"{EPOCHS_IN_WORDS} epochs from a cold start",
            [time_from_cold(row, EPOCHS) for row in rows],
        ),
        tables.list_errors("parity error", [row.parity_error for row in rows]),
    )
    return (
        f"{escape(' '.join(write_finding(rows)))}\n\n"
        f"{link_picture(picture, path)}\n\n"
        f"{render_table(tables.build_table('', columns, leading=2))}\n"
        f"On {escape(run.machine_name)}: {escape(describe_problem(rows[0]))}. In "
        f"brackets: 95 % intervals. {STYLES} Parity error: how far the weights are from a float64 "
        f"oracle's, relative to how far training moved them; the [whole report]({path}/report.md) "
        "says how it is judged, and has the other workload and the textbook's figures.\n\n"
        f"{describe_origin(run, rows)}" + "".join(f"\n\n{part}" for part in ladder)
    )


def describe_origin(run: LoadedRun, rows: Sequence[Row]) -> str:
    """Say when, by which suite and with which versions rows were measured, and what they follow."""
    suites = sorted({name_suite(environment) for environment in run.environments.values()})
    numpy = ", and in this run the import of NumPy" if run.run.format < PARENTS_CLOCK else ""
    versions = sorted({part for row in rows for part in row.version.split(", ")}, key=str.lower)
    return (
        f"Measured on {format_time(run.run.created).partition(',')[0]} by the suite's commit "
        f"{' and '.join(suites)} with {', '.join(versions)}. A cold start leaves out "
        f"Python's start and the reading of the data{numpy}. Idiomatic programs follow the page "
        "that their file names; tuned ones keep pixels as bytes. Keras's `fit` copies its images "
        "before each epoch, which takes 2 to 22 % of it ([how it was timed](docs/methodology.md)). "
        "sklearn-sgd updates its weights "
        "once an image, 48,000 times an epoch; the others do so 1,500 times."
    )


def render_machines() -> str:
    """Return a table of the machines that were published, each with its folders."""
    folders: dict[str, dict[str, None]] = {}
    reference = RESULTS.parent / "reference"
    for path in sorted(reference.glob("**/environments")):
        for environment in read_environments(path.parent).values():
            name = str(environment.machine.get("name"))
            folders.setdefault(name, {})[path.relative_to(reference).parts[0]] = None
    columns = (
        tables.list_words("machine", folders),
        tables.list_words("folders", [", ".join(names) for names in folders.values()]),
    )
    return render_table(tables.build_table("", columns, leading=2))


def render_presets() -> str:
    """Return the values of the presets of a run as a table, with a row for each value."""
    values = {
        name: [text for _, text in describe_preset(preset)] for name, preset in PRESETS.items()
    }
    labels = [label for label, _ in describe_preset(PRESETS["default"])]
    columns = [tables.list_words(name, texts) for name, texts in (("", labels), *values.items())]
    return render_table(tables.build_table("", columns, leading=len(columns)))


def count_processes(least: int, most: int) -> str:
    """Return a number of processes, or from which to which it is."""
    return str(most) if least == most else f"{least} to {most}"


def describe_preset(preset: Preset) -> list[tuple[str, str]]:
    """Return what each value of a preset is, and the value, in words."""
    first = preset.workloads[0]
    sizes = [WORKLOADS[first].batch_size, preset.second_batch_size]
    threads = " or ".join("all" if n == ALL_CORES else str(n) for n in preset.threads)
    if len(preset.threads) > 1:
        threads += ", the faster" if preset.choose_threads else ", each a row"
    least = 1 if preset.budget else preset.other_rounds
    others = count_processes(least, preset.other_rounds) if preset.workloads[1:] else "none"
    later = f", later {preset.later_epochs}" if preset.later_epochs < preset.epochs else ""
    return [
        ("programs", preset.programs),
        ("workloads", ", ".join(preset.workloads)),
        ("batch sizes of the first workload", ", ".join(str(size) for size in sizes if size)),
        (
            "other batch sizes, once",
            ", ".join(f"{size:,}" for size in SWEEP_BATCH_SIZES) if preset.sweep else "none",
        ),
        ("threads on a CPU", threads),
        ("processes of a row", count_processes(preset.least_rounds, preset.rounds)),
        ("in the other workload", others),
        ("epochs of a process", f"{preset.epochs}{later}"),
        ("finds compile caches", f"from round {preset.warm_from}" if preset.warm_from else "never"),
        ("time limit for each device", f"{preset.budget / 60:g} min" if preset.budget else "none"),
    ]


def link_picture(picture: Picture, path: str) -> str:
    """Return a chart of a published run as Markdown, which links to the report in this folder."""
    return f"[![{escape(picture.title)}]({path}/{name_file(picture.name)})]({path}/report.md)"


def renew(page: Path, name: str, text: str) -> str:
    """Return a page with a text between its marks of a name."""
    first = f"<!-- {name}: made by `python docs/generate.py` -->"
    last = f"<!-- end of {name} -->"
    before, _, rest = page.read_text(encoding="utf-8").partition(first)
    _, _, after = rest.partition(last)
    return f"{before}{first}\n{text}\n{last}{after}"


if __name__ == "__main__":
    SCHEMA.write_text(json.dumps(describe_line(), indent=1) + "\n", encoding="utf-8")
    RESULTS.write_text(renew(RESULTS, "machines", render_machines()), encoding="utf-8")
    METHODOLOGY.write_text(renew(METHODOLOGY, "presets", render_presets()), encoding="utf-8")
    for name in sys.argv[1:]:
        README.write_text(renew(README, "results", render_results(Path(name))), encoding="utf-8")
