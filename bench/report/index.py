"""The index of results/: a page with an entry for each run, comparison and calibration."""

import datetime as dt
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.errors import UserError
from bench.records import timestamps
from bench.records.files import write_file
from bench.records.schema import Environment
from bench.records.store import read_environments, read_looks, read_plan, read_trials
from bench.regression.calibration.session import CalibrationPlan
from bench.regression.paired.judge import collect_pairs, judge_cases
from bench.regression.paired.plan import ComparisonPlan
from bench.regression.result import CASE_VERDICTS, CaseComparison
from bench.report.load import load_by_machine
from bench.report.regression.calibration import describe_slowdown
from bench.report.render import html, numbers
from bench.report.render.text import render_phrases
from bench.report.sections.comparison import select_ranked
from bench.report.sections.headline import Phrase, write_headline
from bench.report.sections.runs import PAGES
from bench.report.write import PLANS, can_draw

TITLE = "Softmax classifier: all results"
MAX_NAMES = 3


@dataclass(frozen=True, slots=True)
class Summary:
    """What an entry says about a folder. machines: names. state: what is missing or failed."""

    kind: str
    created: dt.datetime | None
    machines: Sequence[str]
    finding: Sequence[Phrase]
    state: str


@dataclass(frozen=True, slots=True)
class Entry:
    """A folder of the index. All text is untrusted, except the finding's own phrases.

    path: of the folder, relative to the index, with slashes. page: of its report, likewise; None
    if it has none.
    """

    path: str
    page: str | None
    summary: Summary

    @property
    def finding(self) -> str:
        """The finding as Markdown."""
        return render_phrases(self.summary.finding)


def write_index(root: Path) -> Path:
    """Write index.html into a folder of results and return it; raises UserError."""
    if not can_draw():
        raise UserError("an index needs the extra report: pip install 'softmax-bench[report]'")
    try:
        write_file(root / "index.html", render_index(read_entries(root)).encode())
    except OSError as error:
        raise UserError(f"cannot write to {root}: {error.strerror}") from error
    return root / "index.html"


def render_index(entries: Sequence[Entry]) -> str:
    """Return the page."""
    counts = Counter(entry.summary.kind for entry in entries)
    listed = ", ".join(
        f"{count} {kind}{'s' * (count > 1 and kind in PLANS)}" for kind, count in counts.items()
    )
    opening = f"{listed}; the newest first." if listed else "There are no results yet."
    return html.render_page("index.html.j2", title=TITLE, opening=opening, entries=entries)


def read_entries(root: Path) -> list[Entry]:
    """Return an entry for every folder, the newest first, those without a date last.

    Folders of folders with results are searched. Other folders, and those that cannot be read,
    have an entry that says why. Raises UserError if there is no such folder.
    """
    if not root.is_dir():
        raise UserError(f"there is no folder {root}; measure something first: python -m bench run")
    entries = []
    for folder in _find_folders(root):
        path = folder.relative_to(root).as_posix()
        page = next((f"{path}/{name}" for name in PAGES if _exists(folder / name)), None)
        entries.append(Entry(path, page, _summarize(folder, has_page=page is not None)))

    def sort_key(entry: Entry) -> tuple[float, str]:
        created = entry.summary.created
        return (-created.timestamp() if created else math.inf, entry.path)

    return sorted(entries, key=sort_key)


def _find_folders(root: Path) -> list[Path]:
    """Return the folders with results, and those that have none, also not further below."""
    folders = []
    for folder in sorted(root.iterdir()):
        if not folder.is_dir() or folder.name.startswith("."):
            continue
        below: list[Path] = []
        if _find_kind(folder) is None and not folder.is_symlink():
            try:
                below = _find_folders(folder)
            except OSError:  # not readable: it is shown as a folder without results
                below = []
        folders += below if any(map(_find_kind, below)) else [folder]
    return folders


def _find_kind(folder: Path) -> str | None:
    return next((kind for kind, name in PLANS.items() if _exists(folder / name)), None)


def _exists(path: Path) -> bool:
    """Return whether a file exists, as far as we may see it."""
    try:
        return path.exists()
    except OSError:
        return False


def _summarize(folder: Path, *, has_page: bool) -> Summary:
    """Read what is in a folder; what cannot be read gives a summary that says why."""
    try:
        match _find_kind(folder):
            case "run":
                return _summarize_run(folder)
            case "comparison":
                return _summarize_comparison(folder)
            case "calibration":
                return _summarize_calibration(folder)
        empty = f"It holds none of {', '.join(PLANS.values())}."
        text = "A report of runs in other folders." if has_page else empty
        return Summary("no run", None, (), [Phrase(text)], "not measured")
    except UserError as error:
        text = str(error)
    except Exception as error:  # noqa: BLE001 - however it is damaged, the others are shown
        text = f"{type(error).__name__}: {error}"
    text = text.replace(f"{folder}/", "")
    return Summary("unreadable", None, (), [Phrase(text, "record")], "damaged")


def _summarize_run(folder: Path) -> Summary:
    parts = load_by_machine(folder)
    run, records = parts[0], [record for part in parts for record in part.records]
    statuses = Counter(record.status for record in records)
    failed = sum(statuses[status] for status in ("failed", "timeout", "out-of-memory"))
    total = numbers.whole(len(records) - statuses["interrupted"] + run.missing)
    state = []
    if run.missing:
        state.append(f"{numbers.whole(run.missing)} of {total} trials missing")
    if failed:
        state.append(f"{numbers.whole(failed)} failed")
    if run.faults:
        state.append(f"{numbers.whole(len(run.faults))} damaged")
    environments = {key: one for part in parts for key, one in part.environments.items()}
    return Summary(
        "run",
        _read_time(run.run.created),
        _name_machines(environments),
        write_headline(select_ranked(run.rows, run.workload)),
        ", ".join(state) or "complete",
    )


def _summarize_comparison(folder: Path) -> Summary:
    plan = read_plan(folder / PLANS["comparison"], ComparisonPlan)
    results = judge_cases(plan, read_trials(folder), read_looks(folder))
    missing = len(plan.pairings) - len(results)
    state = f"{missing} of {len(plan.pairings)} cases not begun" if missing else "complete"
    finding = [
        Phrase(plan.candidate.name, "record"),
        Phrase(" against "),
        Phrase(plan.base.name, "record"),
        Phrase(": "),
        *_list_verdicts(results),
        Phrase("."),
    ]
    machines = _name_machines(read_environments(folder))
    return Summary("comparison", _read_time(plan.created), machines, finding, state)


def _list_verdicts(results: Sequence[CaseComparison]) -> list[Phrase]:
    """Name the cases of every verdict, the most alarming verdict first."""
    phrases: list[Phrase] = []
    for verdict in CASE_VERDICTS:
        names = [case.name for case in results if case.verdict == verdict]
        if names:
            phrases += [Phrase("; ")] * bool(phrases)
            phrases += [*_list_names(names), Phrase(f" {verdict}")]
    return phrases or [Phrase("nothing was measured")]


def _list_names(names: Sequence[str]) -> list[Phrase]:
    """Name a few cases, or count them."""
    if len(names) > MAX_NAMES:
        return [Phrase(f"{len(names)} cases")]
    phrases: list[Phrase] = []
    for name in names:
        phrases += [Phrase(" and " if name is names[-1] else ", ")] * bool(phrases)
        phrases.append(Phrase(name, "name"))
    return phrases


def _summarize_calibration(folder: Path) -> Summary:
    plan = read_plan(folder / PLANS["calibration"], CalibrationPlan)
    pairs = len(collect_pairs(read_trials(folder)))
    names = list(dict.fromkeys(case.implementation for case in plan.cases))
    slowed = ", ".join(map(describe_slowdown, plan.slowdowns)) or "nothing"
    finding = [
        Phrase(f"{numbers.whole(pairs)} pairs of "),
        *_list_names(names),
        Phrase(f" with themselves; injected: {slowed}."),
    ]
    state = "complete" if pairs else "no pair succeeded"
    machines = _name_machines(read_environments(folder))
    return Summary("calibration", _read_time(plan.created), machines, finding, state)


def _name_machines(environments: Mapping[str, Environment]) -> tuple[str, ...]:
    names = (str(one.machine.get("name", "unknown")) for one in environments.values())
    return tuple(dict.fromkeys(names))


def _read_time(text: str) -> dt.datetime | None:
    """Return when something was started; None if the text is not a time."""
    try:
        return timestamps.parse_time(text)
    except UserError:
        return None
