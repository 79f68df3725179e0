"""The index of results/: a page with a line for each run and comparison."""

import datetime as dt
import math
import os
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from bench.errors import UserError, clean_text, join_lines, report_write_errors
from bench.records import layout, store, timestamps
from bench.records.files import write_file
from bench.records.schema import CommandRecord, Environment, TrialRecord
from bench.regression.commands.command_plan import CommandPlan
from bench.regression.folder import read_comparison
from bench.regression.pairs.judge import Measured
from bench.regression.result import CASE_VERDICTS, TIMED, CaseComparison, ComparisonResult
from bench.report.base import numbers
from bench.report.base.labels import MAX_NAMES, select_ranked, shorten_machine
from bench.report.base.load import load_by_machine
from bench.report.base.parts import Picture
from bench.report.charts.chart import draw_chart
from bench.report.charts.style import PALETTE, WIDTH, alt, set_title
from bench.report.regression.verdicts import format_difference
from bench.report.render import html
from bench.report.render.markdown import escape
from bench.report.sections.setting.runs import PAGES
from bench.report.sections.verdict import describe_first, time_cold_starts, time_epochs
from bench.report.write import find_obstacle

AnyMeasured = Measured[TrialRecord] | Measured[CommandRecord]
TITLE = "Softmax classifier: all results"
LEAST_POINTS = 3  # of a chart
KERAS = ("keras-jax", "keras-tensorflow", "keras-torch")
ANSWERS = (
    "five epochs from a cold start",
    "an epoch in PyTorch",
    "in Keras on JAX / TensorFlow / PyTorch",
    "noise",
)


@dataclass(frozen=True, slots=True)
class Entry:
    """A folder of the index."""

    kind: str
    # Markdown, of a run below ANSWERS, else a finding; other text is untrusted.
    cells: Sequence[str]
    state: str  # what is missing or failed
    created: dt.datetime | None = None
    machines: Sequence[str] = ()
    path: str = ""  # of the folder, relative to the index, with slashes
    page: str | None = None  # of its report, or else of its plan, in the same form
    result: ComparisonResult | None = None  # of a comparison


def write_index(root: Path) -> Path:
    """Write index.html into a folder of results and return it; raises UserError."""
    if obstacle := find_obstacle():
        raise UserError(f"an index needs: {obstacle}")
    entries = read_entries(root)
    runs = [entry for entry in entries if entry.kind == "run"]
    others = [entry for entry in entries if entry.kind != "run"]
    tables = [("Runs", ANSWERS, runs), ("Comparisons and others", ["finding"], others)]
    charts = list(map(draw_chart, list_histories(reversed(others))))
    page = html.render_page("index.html.j2", title=TITLE, tables=tables, charts=charts)
    with report_write_errors(root):
        write_file(root / "index.html", page.encode())
    return root / "index.html"


def read_entries(root: Path) -> list[Entry]:
    """Return an entry for every run, comparison and report, the newest first.

    Folders of folders are searched; links to folders are not followed. Folders that cannot be read
    have an entry that says why. Raises UserError if there is no such folder.
    """
    if not root.is_dir():
        raise UserError(f"there is no folder {root}. Measure something first: softmax-bench run")
    readers: dict[str, Callable[[Path], Entry]] = {
        layout.RUN_PLAN: _read_run,
        layout.COMPARISON_PLAN: _read_comparison,
        layout.COMMAND_PLAN: _read_comparison,
    }
    entries = []
    for name, folders, files in os.walk(root):
        folder = Path(name)
        path = folder.relative_to(root).as_posix()
        page = next((f"{path}/{file}" for file in (*PAGES, *readers) if file in files), None)
        plan = next((plan for plan in readers if plan in {*folders, *files}), None)
        if plan is not None:
            try:
                entry = readers[plan](folder)
                if entry.state != "complete" and store.is_locked(folder):
                    entry = replace(entry, state="running")
            except Exception as error:  # noqa: BLE001 - however it is damaged, the others are shown
                reason = str(error)
                if not isinstance(error, UserError):
                    reason = join_lines(f"{type(error).__name__}: {error}")
                reason = escape(reason.replace(f"{folder}/", ""))
                entry = Entry("unreadable", [reason], "damaged")
            entries.append(replace(entry, path=clean_text(path), page=page))
            folders.clear()
        elif page is not None:
            several = Entry("report", ["Of several runs."], "complete", path=clean_text(path))
            entries.append(replace(several, page=page))
        folders[:] = [folder for folder in folders if not folder.startswith(".")]

    def sort_key(entry: Entry) -> tuple[float, str]:
        return -entry.created.timestamp() if entry.created else math.inf, entry.path

    return sorted(entries, key=sort_key)


def list_histories(entries: Iterable[Entry]) -> list[Picture]:
    """Return a chart of each command or benchmark of which enough commits were judged.

    entries: the oldest first.
    """
    histories = defaultdict[str, list[dict[str, object]]](list)
    for result in [entry.result for entry in entries if entry.result]:
        commits = result.baseline.commit, result.candidate.commit
        for case in result.cases if all(commits) else ():
            if case.metrics and case.metrics[0].ratio.low is not None:
                name = f"{case.name}: {case.metrics[0].label}"
                histories[name].append(_make_point(case, str(commits[1])[:7]))
    return [
        Picture(f"history-{number}", name, partial(chart_history, points, name))
        for number, (name, points) in enumerate(histories.items())
        if len(points) >= LEAST_POINTS
    ]


def _make_point(case: CaseComparison, commit: str) -> dict[str, object]:
    """Return the point of a commit, in percent of its base."""
    metric = case.metrics[0]
    ends = {"low": metric.ratio.low, "mean": metric.ratio.mean, "high": metric.ratio.high}
    return {
        **{end: 100 * (ratio - 1) for end, ratio in ends.items() if ratio is not None},
        "commit": commit,
        "verdict": "slower" if case.verdict == "slower" else "not slower",
        "tip": f"{commit}: {case.verdict}, {format_difference(case, metric)}",
    }


def chart_history(points: Sequence[Mapping[str, object]], title: str) -> Any:
    """Draw how each commit differs from its base, with the interval."""
    colours = alt.Scale(domain=["not slower", "slower"], range=PALETTE[:2])
    bars = alt.Chart(alt.Data(values=points)).encode(
        x=alt.X("commit:O", sort=None, axis=alt.Axis(labelOverlap=True), title="commit"),
        y=alt.Y("low:Q", title="difference from its base, %"),
        color=alt.Color("verdict:N", title=None, legend=alt.Legend(orient="top"), scale=colours),
    )
    layers = [
        bars.mark_rule(strokeWidth=2).encode(y2="high:Q"),
        bars.mark_point(size=50, filled=True, opacity=1, aria=True).encode(
            y="mean:Q", shape=alt.Shape("verdict:N", legend=None), description="tip:N"
        ),
        alt.Chart(alt.Data(values=[{}])).mark_rule().encode(y=alt.datum(0)),
    ]
    subtitle = "each commit against its base, in order of time; bars: intervals of the test"
    return set_title(alt.layer(*layers).properties(width=WIDTH, height=160), title, subtitle)


def _read_run(folder: Path) -> Entry:
    parts = load_by_machine(folder)
    run, failed = parts[0], sum(part.failed_count for part in parts)
    missing = run.missing_count
    state = {
        f"{numbers.format_count(missing)} trial{'s' if missing > 1 else ''} missing": missing,
        f"{numbers.format_count(failed)} failed": failed,
        f"{numbers.format_count(len(run.faults))} damaged": len(run.faults),
    }
    rows = select_ranked(run.rows, run.workload)
    started = time_cold_starts(rows)
    first = describe_first(started)[0] if started else numbers.ABSENT
    times = {timing.name: numbers.format_typical(timing.seconds) for timing in time_epochs(rows)}
    epochs = [times.get(name, numbers.ABSENT) for name in ("pytorch", *KERAS)]
    cells = (f"with {run.env}: {first}" if run.env else first, epochs[0], " / ".join(epochs[1:]))
    return _make_entry(
        "run",
        [
            numbers.keep_together(escape(cell))
            for cell in (*cells, run.noise.words or numbers.ABSENT)
        ],
        ", ".join(text for text, count in state.items() if count) or "complete",
        run.plan.created,
        [environment for part in parts for environment in part.environments.values()],
    )


def _read_comparison(folder: Path) -> Entry:
    comparison = read_comparison(folder)
    plan, measured = comparison.plan, comparison.measured
    cases = [case for case in comparison.result.cases if case.case]  # that both sides have
    kind = "command" if isinstance(plan, CommandPlan) else "comparison"
    if isinstance(plan, CommandPlan):
        longest = max(cases, key=lambda case: case.pairs)
        state = _find_end(measured, [longest]) if measured.records else "not begun"
    elif missing := len(plan.pairings) - len(cases):
        state = f"{missing} of {len(plan.pairings)} cases not begun"
    else:
        state = _find_end(measured, cases)
    by_verdict = {
        verdict: [case for case in cases if case.verdict == verdict] for verdict in CASE_VERDICTS
    }
    verdicts = "; ".join(
        _describe_cases(group, verdict) for verdict, group in by_verdict.items() if group
    )
    sides = comparison.result.candidate.label, comparison.result.baseline.label
    names = escape(" against ".join(sides))
    entry = _make_entry(
        kind,
        [f"{names}: {verdicts or 'nothing was measured'}."],
        state,
        plan.created,
        measured.environments.values(),
    )
    return replace(entry, result=comparison.result)


def _find_end(measured: AnyMeasured, cases: Iterable[CaseComparison]) -> str:
    """Return whether a signal or a kill ended a comparison; a failed partner has a reason.

    A case ends at a look, or where a process failed. Without time for a pair it has no look.
    """
    looks = measured.looks
    ended = all(
        case.verdict not in TIMED
        or case.pairs in (looks.get(case.name, looks.get("command", (-1,))) or (0,))
        for case in cases
    )
    signalled = any(
        record.status == "interrupted" and record.reason is None for record in measured.records
    )
    return "complete" if ended and not signalled else "interrupted"


def _describe_cases(cases: Sequence[CaseComparison], verdict: str) -> str:
    """Name a few cases with their change in time, or count them; Markdown."""
    if len(cases) > MAX_NAMES:
        return f"{len(cases)} cases {verdict}"
    texts = []
    for case in cases:
        text = f"**{escape(case.name)}** {verdict}"
        if case.metrics:
            text += f", {escape(format_difference(case, case.metrics[0]))}"
        texts.append(text)
    return "; ".join(texts)


def _make_entry(
    kind: str, cells: Sequence[str], state: str, created: str, environments: Iterable[Environment]
) -> Entry:
    """Return an entry with the machines that measured it."""
    machines = dict.fromkeys(shorten_machine(of.machine) for of in environments)
    try:
        time = timestamps.parse_time(created)
    except UserError:
        time = None
    return Entry(kind, cells, state, time, tuple(machines))
