"""Renew what pages take from code and results: schema of a record, machines, README's results.

``python docs/generate.py [results/reference/NAME]``; without a run, the README stays.
"""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from bench.analysis.summary import Row
from bench.records.schema import FORMAT, Record
from bench.records.store import read_environments
from bench.report.charts.chart import name_file
from bench.report.load import LoadedRun, load_run
from bench.report.opening import make_opening, name_suite
from bench.report.render.markdown import escape, render_table
from bench.report.sections import Picture, tables
from bench.report.sections.costs.comparison import (
    EPOCHS,
    EPOCHS_IN_WORDS,
    describe_problem,
    name_case,
    select_ranked,
    time_from_cold,
)
from bench.report.sections.costs.steps import describe_steps
from bench.report.sections.programs import STYLES
from bench.report.sections.setting.runs import format_time
from bench.report.sections.verdict import write_finding

ROOT = Path(__file__).parents[1]
SCHEMA = ROOT / "docs" / "record.schema.json"
README = ROOT / "README.md"
RESULTS = ROOT / "results" / "README.md"
FIRST, LAST = "<!-- machines: made by `python docs/generate.py` -->", "<!-- end of machines -->"
PARENTS_CLOCK = 8  # the format since which all times are the parent's
START, END = "<!-- results: made by `python docs/generate.py` -->", "<!-- end of results -->"


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


def renew_results() -> str:
    """Return the page of the results with the table of machines between its marks."""
    before, _, rest = RESULTS.read_text(encoding="utf-8").partition(FIRST)
    _, _, after = rest.partition(LAST)
    return f"{before}{FIRST}\n{render_machines()}\n{LAST}{after}"


def link_picture(picture: Picture, path: str) -> str:
    """Return a chart of a published run as Markdown, which links to the report in this folder."""
    return f"[![{escape(picture.title)}]({path}/{name_file(picture.name)})]({path}/report.md)"


def renew_readme(folder: Path) -> str:
    """Return the README with the results of a published run between its marks."""
    before, _, rest = README.read_text(encoding="utf-8").partition(START)
    _, _, after = rest.partition(END)
    return f"{before}{START}\n{render_results(folder)}\n{END}{after}"


if __name__ == "__main__":
    SCHEMA.write_text(json.dumps(describe_line(), indent=1) + "\n", encoding="utf-8")
    RESULTS.write_text(renew_results(), encoding="utf-8")
    for name in sys.argv[1:]:
        README.write_text(renew_readme(Path(name)), encoding="utf-8")
