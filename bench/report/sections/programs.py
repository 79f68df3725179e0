"""What each row of a report is: the program, its style, and its source."""

import ast
import difflib
import os
from pathlib import Path

from bench.analysis.summary import Row
from bench.records.environments import list_versions
from bench.report.load import LoadedRun
from bench.report.render.markdown import escape
from bench.report.sections import Fold, Section, tables
from bench.report.sections.costs.comparison import name_case, select_ranked
from implementations import IMPLEMENTATIONS, Implementation

TITLE = "What each row is"
NOTHING = "No program can be ranked."
STYLES = (
    "*Idiomatic* programs do what a page of their framework's documentation shows. *Tuned* "
    "programs do the same mathematics, written for speed."
)
NOTE = (
    "Lines: of code, without comments and docstrings. Resident data are moved to the device once, "
    "in set-up; streamed data are fed by the framework's own loader, which is part of the epoch."
)
UNKNOWN = "not a program of this version of the suite"
ROOT = Path(__file__).parents[3]


def describe_programs(run: LoadedRun, output: Path) -> Section:
    """Return a line and the source of each ranked program of a run's first workload.

    output: the folder of the report, from which report.md links to the sources.
    """
    rows = select_ranked(run.rows, run.workload)
    if not rows:
        return Section(TITLE, empty=NOTHING)
    by_name = {row.case.implementation: row for row in rows}
    entries = {name: entry for name, row in by_name.items() if (entry := find_entry(row))}
    sources = {name: read_source(entry) for name, entry in entries.items()}
    shown = list(by_name.values())
    names = list(by_name)
    columns = (
        tables.list_words("program", map(name_case, (row.case for row in shown))),
        tables.list_counts(
            "lines", [count_lines(sources[name]) if name in sources else None for name in names]
        ),
        tables.list_words(
            "what it is",
            [summarize_source(sources[name]) if name in sources else UNKNOWN for name in names],
        ),
        tables.list_words("style", [row.case.style for row in shown]),
        tables.list_words("data", [row.case.data_access for row in shown]),
        tables.list_words("version", [row.version for row in shown]),
    )
    suite = list_versions(run.environments.values()).get("suite", "unknown")
    text = (
        f"{STYLES} The sources are those of the version that wrote this report; measured was "
        f"softmax-bench {escape(suite)}."
    )
    folds = [fold for name in names if name in entries for fold in _fold(entries[name], output)]
    return Section(TITLE, [tables.build_table("", columns, NOTE)], text=text, folds=folds)


def find_entry(row: Row) -> Implementation | None:
    """Return the registry's entry of a row; None for a file of a user, or a name that is gone."""
    return next(
        (
            entry
            for entry in IMPLEMENTATIONS
            if entry.name == row.case.implementation
            and entry.framework == row.case.framework
            and row.case.file is None
        ),
        None,
    )


def find_twin(entry: Implementation) -> Implementation | None:
    """Return the idiomatic program of the same framework that comes first in the registry.

    None for that program itself, and where it is the same source on another backend.
    """
    for other in IMPLEMENTATIONS[: IMPLEMENTATIONS.index(entry)]:
        if (other.framework, other.style) == (entry.framework, "idiomatic"):
            return other if other.module != entry.module else None
    return None


def find_file(entry: Implementation) -> Path:
    """Return the path of a program, relative to the project's root."""
    return Path("implementations", *entry.module.split(".")).with_suffix(".py")


def read_source(entry: Implementation) -> str:
    """Return the source of a program."""
    return (ROOT / find_file(entry)).read_text(encoding="utf-8")


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


def compare_sources(entry: Implementation, twin: Implementation) -> str:
    """Return the lines in which a program differs from its twin, as a unified diff."""
    before, after = (read_source(one).splitlines() for one in (twin, entry))
    old, new = (find_file(one).as_posix() for one in (twin, entry))
    return "\n".join(difflib.unified_diff(before, after, old, new, n=0, lineterm=""))


def _fold(entry: Implementation, output: Path) -> list[Fold]:
    """Return the source of a program, and what differs from its twin."""
    path = find_file(entry)
    inside = output.resolve().is_relative_to(ROOT)
    link = Path(os.path.relpath(ROOT / path, output.resolve())).as_posix() if inside else ""
    folds = [Fold(f"{entry.name}: {path.as_posix()}", read_source(entry), link)]
    if twin := find_twin(entry):
        title = f"{entry.name}: the lines that differ from {twin.name}"
        folds.append(Fold(title, compare_sources(entry, twin)))
    return folds
