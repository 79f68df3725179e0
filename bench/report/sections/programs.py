"""What each row of a report is: the program, its style, and its source."""

import ast
import difflib
import os
from pathlib import Path
from urllib.parse import quote

from bench.records.environments import list_versions
from bench.records.layout import TRACES
from bench.records.traces import name_trace
from bench.report.base import tables
from bench.report.base.labels import PROGRAMS, find_entry, label_case, name_case, select_ranked
from bench.report.base.load import LoadedRun
from bench.report.base.parts import Fold, Link, Section
from bench.report.render.markdown import escape
from implementations import Implementation

TITLE = "What each row is"
STYLES = (
    "*Idiomatic* programs do what a page of their framework's documentation shows. *Tuned* "
    "programs do the same mathematics, written for speed."
)
NOTE = (
    "Lines: of code, without comments and docstrings. Resident data are moved to the device once, "
    "in set-up; streamed data are fed by the framework's own loader, which is part of the epoch. "
    "Keras's programs with streamed data first copy the images in the order of the epoch, which is "
    "part of it, too: docs/methodology.md has the share."
)
TRACED = (
    "The framework's own profiler traced some steps of each program, in a process that was not "
    "measured. `ui.perfetto.dev` opens the traces, to which the list below leads."
)
NOT_OURS = "not a program of this version of the suite"
SUITE = Path(__file__).parents[3]


def describe_programs(run: LoadedRun, output: Path) -> Section:
    """Return a line and the source of each ranked program of a run's first workload.

    output: the folder of the report, from which report.md links to the sources.
    """
    rows = select_ranked(run.rows, run.workload)
    if not rows:
        return Section(TITLE, empty="No program can be ranked.")
    program_rows = list({row.case.implementation: row for row in rows}.values())
    errors: dict[str, float] = {}  # the largest of all devices
    for row in rows:
        name = row.case.implementation
        errors[name] = max(errors.get(name, 0.0), row.parity_error or 0.0)
    entries = [find_entry(row.case) for row in program_rows]
    sources = [fold_source(entry, output) if entry else None for entry in entries]
    columns = (
        tables.list_words("program", [name_case(row.case) for row in program_rows]),
        tables.list_counts(
            "lines", [count_lines(source.text) if source else None for source in sources]
        ),
        tables.list_words(
            "what it is",
            [summarize_source(source.text) if source else NOT_OURS for source in sources],
        ),
        tables.list_errors(
            "parity error", [errors[row.case.implementation] for row in program_rows]
        ),
        tables.list_words("style", [row.case.style for row in program_rows]),
        tables.list_words("data", [row.case.data_access for row in program_rows]),
        tables.list_words("version", [row.version for row in program_rows]),
        tables.list_words("reviewed by", [entry.reviewed_by if entry else "" for entry in entries]),
    )
    suite = list_versions(run.environments.values()).get("suite", "unknown")
    text = (
        f"{STYLES} The sources are those of the version that wrote this report. The run was "
        f"measured with softmax-bench {escape(suite)}."
    )
    links, remarks = find_traces(run, output)
    if links:
        text += f"\n\n{TRACED}"
    table = tables.build_table("", columns, NOTE)
    folds = []
    for entry, source in zip(entries, sources, strict=True):
        if entry and source:
            folds.append(source)
            if twin := find_twin(entry):
                title = f"{entry.name}: the lines that differ from {twin.name}"
                folds.append(Fold(title, compare_sources(entry, twin)))
    return Section(TITLE, [table], text=text, folds=folds, links=links, remarks=remarks)


def find_traces(run: LoadedRun, output: Path) -> tuple[list[Link], list[str]]:
    """Return a link to each trace of a run, and a remark on each that is missing.

    output: the folder of the report.
    """
    links: list[Link] = []
    remarks: list[str] = []
    folder = os.path.relpath(run.folder.resolve(), output.resolve())
    for record in run.records:
        if record.kind != "trace" or record.status == "interrupted":
            continue
        name, path = label_case(record.case), Path(TRACES, name_trace(record.case.slug))
        if record.status == "ok" and (run.folder / path).is_file():
            url = quote(Path(folder, path).as_posix())
            links.append(Link(f"{name}: a trace of some steps", url))
        else:
            reason = record.reason or "its file is not in the run's folder"
            remarks.append(f"{name}: no trace: {reason}")
    return links, remarks


def find_twin(entry: Implementation) -> Implementation | None:
    """Return what a layer is built on, or the first idiomatic program of the same framework.

    None for that program itself, and where it is the same source on another backend.
    """
    if entry.layer_over:
        return next(other for other in PROGRAMS if other.name == entry.layer_over)
    for other in PROGRAMS[: PROGRAMS.index(entry)]:
        if (other.framework, other.style) == (entry.framework, "idiomatic"):
            return other if other.module != entry.module else None
    return None


def compare_sources(entry: Implementation, twin: Implementation) -> str:
    """Return the lines in which a program differs from its twin, as a unified diff."""
    old, new = find_file(twin), find_file(entry)
    before, after = ((SUITE / file).read_text(encoding="utf-8").splitlines() for file in (old, new))
    return "\n".join(
        difflib.unified_diff(before, after, old.as_posix(), new.as_posix(), n=0, lineterm="")
    )


def find_file(entry: Implementation) -> Path:
    """Return the path of a program, relative to the project's root."""
    return Path("implementations", *entry.module.split(".")).with_suffix(".py")


def fold_source(entry: Implementation, output: Path) -> Fold:
    """Return the source of a program. output: the folder of the report, which links to it."""
    path = find_file(entry)
    inside = output.resolve().is_relative_to(SUITE)
    link = Path(os.path.relpath(SUITE / path, output.resolve())).as_posix() if inside else ""
    title = f"{entry.name}: {path.as_posix()}"
    return Fold(title, (SUITE / path).read_text(encoding="utf-8"), link)


def summarize_source(source: str) -> str:
    """Return the first line of a module's docstring, without its full stop."""
    docstring = ast.get_docstring(ast.parse(source)) or ""
    return docstring.partition("\n")[0].removesuffix(".")


def count_lines(source: str) -> int:
    """Count the lines of code: those that are neither blank, comments nor docstrings."""
    documented: set[int] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            documented |= set(range(node.lineno, (node.end_lineno or node.lineno) + 1))
    return sum(
        bool(line.strip()) and not line.lstrip().startswith("#") and number not in documented
        for number, line in enumerate(source.splitlines(), 1)
    )
