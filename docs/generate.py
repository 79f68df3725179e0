"""Renew what pages take from code and results.

That is a record's schema, presets, machines, where runs are expected (docs/expected.py), and the
findings (docs/findings.py).
"""

import ast
import csv
import inspect
import io
import itertools
import json
from pathlib import Path
from typing import Any

import msgspec

from bench.planning.cases import SWEEP_BATCH_SIZES
from bench.planning.plan import LEAN_EPOCHS
from bench.planning.presets import ALL_CORES, PRESETS, Preset
from bench.records import schema as records
from bench.records.schema import FORMAT, AnyRecord
from bench.records.store import read_environments
from bench.report.base import tables
from bench.report.base.labels import name_machine
from bench.report.render.markdown import render_table
from bench.worker.workloads import WORKLOADS

ROOT = Path(__file__).parents[1]
SCHEMA = ROOT / "docs" / "record.schema.json"
PRESETS_TABLE = ROOT / "docs" / "presets.csv"
RESULTS = ROOT / "results" / "README.md"


def describe_line() -> dict[str, Any]:
    """Return the JSON Schema of a line of trials.jsonl."""
    schema, comments = msgspec.json.schema(AnyRecord), read_comments()
    for name, definition in schema["$defs"].items():
        # From 0.23 on msgspec cleans docstrings, and lists the names that a mapping may have.
        if "description" in definition:
            definition["description"] = inspect.cleandoc(definition["description"])
        for value in definition.get("properties", {}).values():
            value.pop("propertyNames", None)
        for field in msgspec.structs.fields(getattr(records, name)):
            if comment := comments.get((name, field.name)):
                definition["properties"][field.encode_name]["description"] = comment
        if "kind" in definition["properties"]:  # a record, and no part of one
            definition["properties"]["check"] = {
                "description": "CRC-32 of the line without this member.",
                "type": "string",
                "pattern": "^[0-9a-f]{8}$",
            }
            definition["required"].append("check")
    title = f"A line of trials.jsonl, format {FORMAT}"
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": title, **schema}


def read_comments() -> dict[tuple[str, str], str]:
    """Return the comment above or beside each field of a record, by the names of class and field.

    A class has those of its bases, too.
    """
    source = Path(records.__file__).read_text(encoding="utf-8")
    lines, comments = source.splitlines(), dict[tuple[str, str], str]()
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.ClassDef):
            continue
        for base in (base.id for base in node.bases if isinstance(base, ast.Name)):
            inherited = {field: text for (name, field), text in comments.items() if name == base}
            comments |= {(node.name, field): text for field, text in inherited.items()}
        for field in node.body:
            if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name):
                texts = [lines[field.end_lineno - 1].partition("  # ")[2]]
                above = itertools.takewhile(
                    lambda line: line.startswith("    # "), lines[field.lineno - 2 :: -1]
                )
                texts = [*reversed([line.removeprefix("    # ") for line in above]), *texts]
                if text := " ".join(filter(None, texts)):
                    comments[node.name, field.target.id] = text[0].upper() + text[1:]
    return comments


def render_machines() -> str:
    """Return a table of the machines that were published, each with its folders."""
    folders: dict[str, dict[str, None]] = {}
    reference = RESULTS.parent / "reference"
    for path in sorted(reference.glob("**/environments")):
        for environment in read_environments(path.parent).values():
            name = name_machine(environment.machine)
            folders.setdefault(name, {})[path.relative_to(reference).parts[0]] = None
    columns = (
        tables.list_words("machine", folders),
        tables.list_words("folders", [", ".join(names) for names in folders.values()]),
    )
    return render_table(tables.build_table("", columns, leading=2))


def render_presets() -> str:
    """Return the values of the presets of a run as CSV, with a line for each value."""
    presets, text = [describe_preset(preset) for preset in PRESETS.values()], io.StringIO()
    lines = csv.writer(text, lineterminator="\n")
    lines.writerow(["", *PRESETS])
    for cells in zip(*presets, strict=True):
        lines.writerow([cells[0][0], *(value for _, value in cells)])
    return text.getvalue()


def count_processes(least: int, most: int) -> str:
    """Return a number of processes, or from which to which it is."""
    return str(most) if least == most else f"{least} to {most}"


def describe_preset(preset: Preset) -> list[tuple[str, str]]:
    """Return what each value of a preset is, and the value, in words."""
    first = preset.workloads[0]
    sizes = [WORKLOADS[first].batch_size, preset.second_batch_size]
    threads = " or ".join("all" if n == ALL_CORES else str(n) for n in preset.threads)
    if len(preset.threads) > 1:
        threads += ", each a row; in the other workload 1"
    if preset.try_all_cores:
        threads += ", then all where they are faster"
    least = 1 if preset.budget else preset.other_rounds
    others = count_processes(least, preset.other_rounds) if preset.workloads[1:] else "none"
    lean = f", from round {preset.lean_from} on {1 + LEAN_EPOCHS}" if preset.lean_from else ""
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
        ("least epochs of a process", f"{preset.epochs}{lean}"),
        ("finds compile caches", f"from round {preset.warm_from}" if preset.warm_from else "never"),
        ("time limit for each device", f"{preset.budget / 60:g} min" if preset.budget else "none"),
    ]


def renew_results() -> str:
    """Return results/README.md with the table of machines."""
    first, last = "<!-- machines: made by `python docs/generate.py` -->", "<!-- end of machines -->"
    before, _, rest = RESULTS.read_text(encoding="utf-8").partition(first)
    return f"{before}{first}\n{render_machines()}\n{last}{rest.partition(last)[2]}"


if __name__ == "__main__":
    import expected
    import findings

    SCHEMA.write_text(json.dumps(describe_line(), indent=1) + "\n", encoding="utf-8")
    RESULTS.write_text(renew_results(), encoding="utf-8")
    PRESETS_TABLE.write_text(render_presets(), encoding="utf-8")
    expected.write()
    findings.write()
