"""How close every row came to the oracle, the margin to the tolerance, and the program's file."""

from collections.abc import Sequence
from dataclasses import replace
from statistics import fmean

from bench.analysis.summary import Row
from bench.records.environments import list_versions
from bench.records.schema import TOLERANCE, Case
from bench.report.base import numbers, tables
from bench.report.base.labels import (
    REMARKS,
    label_case,
    list_workloads,
    select_ranked,
    select_softmax,
)
from bench.report.base.load import LoadedRun
from bench.report.base.parts import Section, Table
from bench.report.charts.expected import FILE_ANCHOR
from bench.report.render.markdown import escape
from bench.report.sections.verdict import describe_agreement

TITLE = "Do they compute the same?"
NOTE = (
    "Parity error: the largest difference from the float64 oracle over the judged epochs and all "
    "processes of a program, relative to how far training moved the weights. Margin: the tolerance "
    "divided by this error. docs/parity.md has the errors of deliberate mistakes."
)
SIZES_NOTE = " Error: at the batch size and the number of samples at which the programs are ranked."
FILES_NOTE = (
    " File: below implementations/ of the softmax-bench that was measured, {}. Idiomatic programs "
    "do what a page of their framework's documentation shows, tuned ones the same mathematics, "
    "written for speed."
)


def describe_parity(run: LoadedRun) -> Section:
    """Return the errors of every row that was judged, including those that failed by them."""
    table_list, remarks = list[Table](), list[str]()
    suite = list_versions(run.environments.values()).get("suite", "unknown")
    for workload in list_workloads(run.rows):
        rows = [
            row
            for row in run.rows
            if row.case.workload == workload and row.parity_error is not None
        ]
        anchor = "" if table_list else FILE_ANCHOR
        table_list += tabulate_parity(rows, workload, suite, anchor)
        if accuracy := describe_accuracy(select_softmax(rows)):
            remarks.append(f"Workload {workload}: {accuracy}")
    remarks += filter(None, [describe_epochs(select_ranked(run.rows, run.workload))])
    finding, _ = describe_agreement(run)
    return Section(TITLE, table_list, "No trial was judged.", remarks=remarks, finding=finding)


def describe_accuracy(rows: Sequence[Row]) -> str:
    """Say whether ranked rows have one test accuracy at the first size; nothing of a single row."""
    first = [row for row in rows if not row.swept and row.accuracy.test is not None]
    shares = sorted({numbers.format_share(row.accuracy.test) for row in first})
    if len(first) < 2:
        return ""
    epochs = " or ".join(map(str, sorted({row.case.epochs for row in first})))
    subject = f"after {epochs} epochs all {len(first)} softmax programs have"
    if len(shares) == 1:
        return f"{subject} the same test accuracy, {shares[0]}."
    return f"{subject} test accuracies between {shares[0]} and {shares[-1]}."


def describe_epochs(rows: Sequence[Row]) -> str:
    """Say which validation accuracies the softmax programs have after each epoch."""
    curves = [row.accuracy.curves for row in select_softmax(rows) if row.accuracy.curves]
    if not curves:
        return ""
    epochs = zip(*(curve for by_seed in curves for curve in by_seed), strict=False)
    texts = [
        f"{numbers.format_share(fmean(shares))} [{numbers.format_share(min(shares))}, "
        f"{numbers.format_share(max(shares))}]"
        for shares in epochs
    ]
    seeds = max(map(len, curves))
    return (
        f"Validation accuracy after 1 to {len(texts)} epochs, mean of all softmax programs and "
        f"{seeds} seed{'s' if seeds > 1 else ''}, and in brackets the least and the largest: "
        f"{', '.join(texts)}."
    )


def tabulate_parity(
    rows: Sequence[Row], workload: str, suite: str, anchor: str = ""
) -> list[Table]:
    """Return a line for each implementation and device, the smallest error first.

    suite: version and commit of the suite that has the files. anchor: see ``Table``.
    """
    groups: dict[str, list[Row]] = {}
    for row in rows:
        groups.setdefault(label_case(row.case), []).append(row)
    ordered = sorted(groups.items(), key=lambda item: _find_worst(item[1]))
    at_first = [[row for row in group if not row.swept] for _, group in ordered]
    worst = [_find_worst(group) for _, group in ordered]
    columns = [
        tables.list_words(
            "program",
            [name + REMARKS.get(group[0].case.implementation, "") for name, group in ordered],
        ),
        tables.list_errors("error", [_find_worst(group) if group else None for group in at_first]),
        tables.list_errors("at any size", worst),
        tables.list_counts("sizes", [len(group) for _, group in ordered]),
        tables.Column("margin, ×", [_describe_margin(error) for error in worst], worst),
    ]
    if len(ordered) == len(rows):
        columns = [columns[0], columns[1], columns[4]]
    sizes = SIZES_NOTE if len(columns) > 3 else ""
    files = [name_file(group[0].case) for _, group in ordered]
    columns.append(tables.list_words("file", files))
    file = FILES_NOTE.format(escape(suite)) if any(files) else ""
    title = f"Parity errors, workload {workload}"
    note = f"{NOTE} Allowed are {numbers.format_number(1e6 * TOLERANCE, 2)} × 10⁻⁶.{sizes}{file}"
    programs = [name for name, _ in ordered]
    table = tables.build_table(title, columns, note, programs=programs)
    return [replace(table, anchor=anchor)] if ordered else []


def name_file(case: Case) -> str:
    """Return the path of a program in the suite that measured it; empty for a user's own file."""
    return "" if case.file else f"{case.module.replace('.', '/')}.py"


def _describe_margin(error: float) -> str:
    if error == 0:
        return "no error"
    return numbers.format_number(TOLERANCE / error, 2) if error <= TOLERANCE else "fails"


def _find_worst(rows: Sequence[Row]) -> float:
    return max(row.parity_error or 0.0 for row in rows)
