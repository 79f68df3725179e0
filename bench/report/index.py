"""What lies below results/: runs, comparisons and calibrations, an entry each, newest first."""

import datetime as dt
import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.errors import UserError
from bench.records import timestamps
from bench.records.files import write_file
from bench.records.schema import Environment
from bench.records.store import read_environments, read_looks, read_plan, read_records
from bench.regression.calibration import session
from bench.regression.calibration.session import Calibration
from bench.regression.paired import result
from bench.regression.paired.plan import Comparison
from bench.regression.paired.result import Finding
from bench.report import load
from bench.report.regression.calibration import injected
from bench.report.render import html, numbers
from bench.report.render import text as prose
from bench.report.sections import comparison
from bench.report.sections.headline import Part, finding
from bench.report.write import can_draw

# The file that says what was planned, by the kind of what was measured.
PLANS = {"run": "run.json", "comparison": "comparison.json", "calibration": session.PLAN}
TITLE = "Softmax classifier: what was measured"
# What is shown of a folder, the first that is there.
PAGES = ("report.html", "report.md")


@dataclass(frozen=True, slots=True)
class Entry:
    """One folder. All text of it is of its files, which nobody trusts; a finding says which.

    place: the folder below the one that the index is of, with slashes. created: UTC, None where it
    is not told. machines: their names. state: whether something is missing or went wrong.
    page: what to look at, below the same folder; None where there is nothing.
    """

    place: str
    kind: str
    created: dt.datetime | None
    machines: Sequence[str]
    finding: Sequence[Part]
    state: str
    page: str | None


def write(root: Path) -> Path:
    """Write index.html into a folder of runs, a row an entry, and return it; raises UserError."""
    if not can_draw():
        raise UserError("an index is a page, which takes: pip install 'softmax-bench[report]'")
    try:
        write_file(root / "index.html", page(entries(root)).encode())
    except OSError as error:
        raise UserError(f"cannot write to {root}: {error.strerror}") from error
    return root / "index.html"


def page(found: Sequence[Entry]) -> str:
    """Return the page of some entries."""
    return html.page("index.html.j2", title=TITLE, opening=_opening(found), entries=found,
                     prose=prose)  # fmt: skip


def _opening(found: Sequence[Entry]) -> str:
    """Count what there is, by its kind."""
    counts = Counter(each.kind for each in found)
    listed = ", ".join(f"{number} {kind}{'s' * (number > 1 and kind in PLANS)}"
                       for kind, number in counts.items())  # fmt: skip
    return f"{listed}; the newest first." if listed else "Nothing was measured yet."


def entries(root: Path) -> list[Entry]:
    """Return an entry for every folder below, the newest first, those of unknown age last.

    A folder in a folder counts where it is one of these; what is none of them, or cannot be read,
    is an entry that says why. Raises UserError where there is no such folder.
    """
    if not root.is_dir():
        raise UserError(f"there is no folder {root}; measure something first: python -m bench run")
    found = [_entry(root, folder) for folder in _folders(root)]
    return sorted(found, key=lambda each: (-_age(each), each.place))


def _age(of: Entry) -> float:
    return of.created.timestamp() if of.created else -math.inf


def _folders(root: Path) -> list[Path]:
    """Return the folders that hold a plan, and those that hold none, nor any folder with one."""
    found = []
    for folder in sorted(root.iterdir()):
        if not folder.is_dir() or folder.name.startswith("."):
            continue
        below = [] if _plan(folder) or folder.is_symlink() else _below(folder)
        found += below if any(map(_plan, below)) else [folder]
    return found


def _below(folder: Path) -> list[Path]:
    try:
        return _folders(folder)
    except OSError:  # what we may not read holds nothing for us
        return []


def _plan(folder: Path) -> str | None:
    """Return the kind of what was measured in a folder, None where nothing was."""
    return next((kind for kind, name in PLANS.items() if _there(folder / name)), None)


def _there(path: Path) -> bool:
    """Tell whether there is such a file, as far as we may look."""
    try:
        return path.exists()
    except OSError:
        return False


def _entry(root: Path, folder: Path) -> Entry:
    place = folder.relative_to(root).as_posix()
    page = next((f"{place}/{name}" for name in PAGES if _there(folder / name)), None)
    try:
        return _READERS[_plan(folder)](folder, place, page)
    except UserError as error:
        said = str(error)
    except Exception as error:  # noqa: BLE001 - damaged in whatever way, the others are shown
        said = f"{type(error).__name__}: {error}"
    said = said.replace(f"{folder}/", "")
    return Entry(place, "unreadable", None, (), [Part(said, "record")], "damaged", page)


def _nothing(_: Path, place: str, page: str | None) -> Entry:
    lacking = f"It holds none of {', '.join(PLANS.values())}."
    said = "A report of what is kept elsewhere." if page else lacking
    return Entry(place, "no run", None, (), [Part(said)], "not measured", page)


def _run(folder: Path, place: str, page: str | None) -> Entry:
    parts = load.apart(folder)
    found, records = parts[0], [record for part in parts for record in part.records]
    shown = comparison.measured(found.rows, found.workload)
    ended = Counter(record.status for record in records)
    bad = sum(ended[status] for status in ("failed", "timeout", "out-of-memory"))
    total = numbers.whole(len(records) - ended["interrupted"] + found.missing)
    told = [f"{numbers.whole(found.missing)} of {total} trials missing"]
    state = told * bool(found.missing) + [f"{numbers.whole(bad)} failed"] * bool(bad)
    state += [f"{numbers.whole(len(found.faults))} damaged"] * bool(found.faults)
    environments = {key: each for part in parts for key, each in part.environments.items()}
    return Entry(
        place, "run", _time(found.run.created), _machines(environments),
        finding(shown), ", ".join(state) or "complete", page,
    )  # fmt: skip


def _comparison(folder: Path, place: str, page: str | None) -> Entry:
    plan = read_plan(folder / PLANS["comparison"], Comparison)
    found = result.findings(plan, read_records(folder), read_looks(folder))
    left = len(plan.pairings) - len(found)
    state = f"{left} of {len(plan.pairings)} cases not begun" if left else "complete"
    return Entry(
        place, "comparison", _time(plan.created), _machines(read_environments(folder)),
        [Part(plan.candidate.name, "record"), Part(" against "), Part(plan.base.name, "record"),
         Part(": "), *_verdicts(found), Part(".")],
        state, page,
    )  # fmt: skip


def _verdicts(found: Sequence[Finding]) -> list[Part]:
    """Name the cases of every outcome, the most alarming first; no change is only counted."""
    by_outcome: dict[str, list[str]] = {outcome: [] for outcome in _OUTCOMES}
    for each in found:
        by_outcome[each.outcome].append(each.pairing.name)
    parts: list[Part] = []
    for outcome, names in by_outcome.items():
        if names:
            parts += [Part("; ")] * bool(parts)
            parts += [*_listed(names), Part(f" {outcome}")]
    return parts or [Part("nothing was measured")]


_OUTCOMES: tuple[result.Outcome, ...] = (
    "wrong", "failed", "slower", "undecided", "faster", "no change", "unavailable",
)  # fmt: skip
# So many are named; of more, how many there are.
_NAMED = 3


def _listed(names: Sequence[str]) -> list[Part]:
    """Name a few, or say how many."""
    if len(names) > _NAMED:
        return [Part(f"{len(names)} cases")]
    parts: list[Part] = []
    for name in names:
        parts += [Part(" and " if name is names[-1] else ", ")] * bool(parts)
        parts.append(Part(name, "name"))
    return parts


def _calibration(folder: Path, place: str, page: str | None) -> Entry:
    plan = read_plan(folder / PLANS["calibration"], Calibration)
    pairs = len(result.good_pairs(read_records(folder)))
    names = list(dict.fromkeys(case.implementation for case in plan.cases))
    slowed = ", ".join(map(injected, plan.slowdowns))
    return Entry(
        place, "calibration", _time(plan.created), _machines(read_environments(folder)),
        [Part(f"{numbers.whole(pairs)} pairs of "), *_listed(names),
         Part(f" with themselves; injected: {slowed or 'nothing'}.")],
        "complete" if pairs else "no pair went well", page,
    )  # fmt: skip


_READERS: Mapping[str | None, Callable[[Path, str, str | None], Entry]] = {
    "run": _run, "comparison": _comparison, "calibration": _calibration, None: _nothing,
}  # fmt: skip


def _machines(environments: Mapping[str, Environment]) -> tuple[str, ...]:
    named = (str(found.machine.get("name", "unknown")) for found in environments.values())
    return tuple(dict.fromkeys(named))


def _time(text: str) -> dt.datetime | None:
    """Read when something was begun; None where that is no time."""
    try:
        return timestamps.read(text)
    except UserError:
        return None
