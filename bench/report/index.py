"""The index of results/: a page with an entry for each run, comparison and calibration."""

import datetime as dt
import math
import os
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from bench.errors import UserError, clean_text, join_lines
from bench.records import layout, timestamps
from bench.records.files import write_file
from bench.records.schema import Environment
from bench.records.store import read_environments, read_looks, read_plan, read_trials
from bench.regression.calibration import session, spread
from bench.regression.paired import comparison_plan
from bench.regression.paired.judge_pairs import judge_cases
from bench.regression.result import CASE_VERDICTS
from bench.report.load import load_by_machine
from bench.report.render import html, numbers
from bench.report.render.markdown import escape
from bench.report.sections.comparison import select_ranked
from bench.report.sections.runs import PAGES
from bench.report.sections.verdict import write_headline
from bench.report.write import can_draw

TITLE = "Softmax classifier: all results"
MAX_NAMES = 3
PLANS = {
    "run": layout.RUN_PLAN,
    "comparison": layout.COMPARISON_PLAN,
    "calibration": layout.CALIBRATION_PLAN,
}


@dataclass(frozen=True, slots=True)
class Entry:
    """A folder of the index.

    finding: Markdown; all other text is untrusted. state: what is missing or failed. path: of the
    folder, relative to the index, with slashes. page: of its report, in the same form, if any.
    """

    kind: str
    finding: str
    state: str
    created: dt.datetime | None = None
    machines: Sequence[str] = ()
    path: str = ""
    page: str | None = None


def write_index(root: Path) -> Path:
    """Write index.html into a folder of results and return it; raises UserError."""
    if not can_draw():
        raise UserError("an index needs the extra report: pip install 'softmax-bench[report]'")
    entries = read_entries(root)
    counts = Counter(entry.kind for entry in entries)
    listed = ", ".join(
        f"{count} {kind}{'s' * (count > 1 and kind in PLANS)}" for kind, count in counts.items()
    )
    opening = f"{listed}; the newest first." if listed else "There are no results yet."
    page = html.render_page("index.html.j2", title=TITLE, opening=opening, entries=entries)
    try:
        write_file(root / "index.html", page.encode())
    except OSError as error:
        raise UserError(f"cannot write to {root}: {error.strerror}") from error
    return root / "index.html"


def read_entries(root: Path) -> list[Entry]:
    """Return an entry for every folder with results or a report, the newest first.

    Folders of folders are searched; links to folders are not followed. Folders that cannot be read
    have an entry that says why. Raises UserError if there is no such folder.
    """
    if not root.is_dir():
        raise UserError(f"there is no folder {root}; measure something first: softmax-bench run")
    readers = {"run": _read_run, "comparison": _read_comparison, "calibration": _read_calibration}
    entries = []
    for name, folders, files in os.walk(root):
        folder = Path(name)
        path = folder.relative_to(root).as_posix()
        page = next((f"{path}/{file}" for file in PAGES if file in files), None)
        kind = next((kind for kind, plan in PLANS.items() if plan in {*folders, *files}), None)
        if kind is not None:
            try:
                entry = readers[kind](folder)
            except Exception as error:  # noqa: BLE001 - however it is damaged, the others are shown
                known = isinstance(error, UserError)
                reason = str(error) if known else join_lines(f"{type(error).__name__}: {error}")
                entry = Entry("unreadable", escape(reason.replace(f"{folder}/", "")), "damaged")
            entries.append(replace(entry, path=clean_text(path), page=page))
            folders.clear()
        elif page is not None:
            entries.append(
                Entry("report", "Of several runs.", "complete", path=clean_text(path), page=page)
            )
        folders[:] = [folder for folder in folders if not folder.startswith(".")]

    def sort_key(entry: Entry) -> tuple[float, str]:
        return (-entry.created.timestamp() if entry.created else math.inf, entry.path)

    return sorted(entries, key=sort_key)


def _read_run(folder: Path) -> Entry:
    parts = load_by_machine(folder)
    run, records = parts[0], [record for part in parts for record in part.records]
    statuses = Counter(record.status for record in records)
    failed = sum(statuses[status] for status in ("failed", "timeout", "out-of-memory"))
    state = {
        f"{numbers.format_count(run.missing)} trial{'s' * (run.missing > 1)} missing": run.missing,
        f"{numbers.format_count(failed)} failed": failed,
        f"{numbers.format_count(len(run.faults))} damaged": len(run.faults),
    }
    return Entry(
        "run",
        escape(write_headline(select_ranked(run.rows, run.workload))),
        ", ".join(text for text, count in state.items() if count) or "complete",
        _parse_time(run.run.created),
        _name_machines(one for part in parts for one in part.environments.values()),
    )


def _read_comparison(folder: Path) -> Entry:
    plan = read_plan(folder / layout.COMPARISON_PLAN, comparison_plan.ComparisonPlan)
    results = judge_cases(plan, read_trials(folder), read_looks(folder))
    by_verdict = {
        verdict: [case.name for case in results if case.verdict == verdict]
        for verdict in CASE_VERDICTS
    }
    verdicts = "; ".join(
        f"{_list_names(names)} {verdict}" for verdict, names in by_verdict.items() if names
    )
    names = f"{escape(plan.candidate.name)} against {escape(plan.baseline.name)}"
    missing = len(plan.pairings) - len(results)
    return Entry(
        "comparison",
        f"{names}: {verdicts or 'nothing was measured'}.",
        f"{missing} of {len(plan.pairings)} cases not begun" if missing else "complete",
        _parse_time(plan.created),
        _name_machines(read_environments(folder).values()),
    )


def _read_calibration(folder: Path) -> Entry:
    plan = read_plan(folder / layout.CALIBRATION_PLAN, session.CalibrationPlan)
    calibrations = spread.Calibrations()
    calibrations.add_session(folder)
    pairs = sum(
        len(block.pairs) for case in calibrations.cases for block in calibrations.blocks(case)
    )
    names = _list_names(list(dict.fromkeys(case.implementation for case in plan.cases)))
    slowed = ", ".join(map(session.describe_slowdown, plan.slowdowns)) or "nothing"
    decisions = numbers.format_count(len(calibrations.decisions))
    return Entry(
        "calibration",
        f"{decisions} decisions from {numbers.format_count(pairs)} pairs of {names} with "
        f"themselves; injected: {slowed}.",
        "complete" if pairs else "no pair succeeded",
        _parse_time(plan.created),
        _name_machines(calibrations.environments),
    )


def _list_names(names: Sequence[str]) -> str:
    """Name a few cases, or count them; Markdown."""
    if len(names) > MAX_NAMES:
        return f"{len(names)} cases"
    return ", ".join(f"**{escape(name)}**" for name in names)


def _name_machines(environments: Iterable[Environment]) -> tuple[str, ...]:
    names = (str(one.machine.get("name", "unknown")) for one in environments)
    return tuple(dict.fromkeys(names))


def _parse_time(text: str) -> dt.datetime | None:
    """Return when something was started; None if the text is not a time."""
    try:
        return timestamps.parse_time(text)
    except UserError:
        return None
