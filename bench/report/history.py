"""Several runs as text: a table of the runs, tables of their cases, the page with its charts."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.error import UserError
from bench.files import write_file
from bench.history import Course, Entry, Kept, Past, Stored, Track, keep
from bench.report import files, history_charts, markdown, numbers, tables
from bench.report.prose import escape
from bench.report.sections import Picture
from bench.software import changes
from bench.store import read_run, salvaged

NOT_JUDGED = "Run-to-run differences are not judged here; use bench ab."
APART = (
    "Runs of different machines or data are kept apart: no ratio and no line leads from one to "
    "the other."
)
LEGEND = (
    "Bars are the runs' own 95 % intervals, over the processes of that hour; they do not hold what "
    "differs between hours."
)


@dataclass(frozen=True, slots=True)
class Group:
    """The cases of a track that solve one problem: what one table and one chart show."""

    title: str
    track: Track
    courses: tuple[Course, ...]


def read(folder: Path) -> Kept:
    """Read what is whole of a run, of which no record is kept.

    Raises UserError where the folder holds none.
    """
    run, found = read_run(folder), salvaged(folder)
    name = folder.resolve().name
    return keep(Stored(name, run, found.records, found.environments, found.faults))


def remarks(kept: Sequence[Kept], found: Sequence[Track]) -> list[str]:
    """Say what is not in the tables, and what they must not be read as."""
    empty = [f"{one.folder} has no record: left out." for one in kept if one.empty]
    damaged = [f"{one.folder}: {len(one.faults)} left out, as {one.faults[0]}."
               for one in kept if one.faults]  # fmt: skip
    return [*empty, *damaged, *[APART] * (len(found) > 1), NOT_JUDGED]


def title(track: Track) -> str:
    """Say where a track's times come from."""
    origin = track.origin
    return f"{origin.name} (machine {origin.machine}), {origin.data}"


def runs(track: Track) -> tables.Table:
    """Return a line for each run, with all that changed since the one before."""
    headings = ("run", "folder", "created (UTC)", "changed since the run before")
    return tables.Table(title(track), headings, list(_runs(track.pasts)), len(headings))


def _runs(pasts: Sequence[Past]) -> Iterator[list[str]]:
    before: Past | None = None
    for past in pasts:
        changed = None if before is None else changes(before.software, past.software)
        yield [str(past.number), past.folder, history_charts.when(past), _changed(changed)]
        before = past


def groups(track: Track) -> list[Group]:
    """Return the cases problem by problem, in the order of the tables."""
    by_title: dict[str, list[Course]] = {}
    for course in track.courses:
        said = f"Workload {course.case.workload}, {tables.problem(course)}"
        by_title.setdefault(said, []).append(course)
    return [Group(said, track, tuple(courses)) for said, courses in by_title.items()]


def cases(group: Group) -> tables.Table:
    """Return a line for each case and run; what a run did not time says why."""
    headings = ("implementation", "run", "created (UTC)", "changed since the run before", "epoch",
                "times the run before")  # fmt: skip
    lines = [
        [tables.name(course.case), *_entry(entry)]
        for course in group.courses
        for entry in course.entries
    ]
    return tables.Table(f"{group.title}; machine {group.track.origin.machine}", headings, lines, 4)


def _entry(entry: Entry) -> list[str]:
    ratio = numbers.ABSENT if entry.ratio is None else f"{entry.ratio:.3f}"
    return [str(entry.past.number), history_charts.when(entry.past), _changed(entry.changed),
            _time(entry), ratio]  # fmt: skip


def _changed(changed: Sequence[str] | None) -> str:
    return numbers.ABSENT if changed is None else "; ".join(changed) or "nothing"


def _time(entry: Entry) -> str:
    if entry.row is None:
        return "not measured"
    if not entry.timed:
        return " and ".join(dict.fromkeys(status for status, _ in entry.row.faults))
    return numbers.duration_interval(entry.row.epoch)


def write(folder: Path, found: Sequence[Track], said: Sequence[str]) -> Path:
    """Write history.md and a chart of each group into a folder; return history.md.

    said: the remarks.
    Raises UserError where it cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        charts = _draw(folder, [group for track in found for group in groups(track)])
        write_file(folder / "history.md", _page(found, said, charts).encode())
    except OSError as error:
        raise UserError(
            f"cannot write to {folder}: {error.strerror}; choose another --output"
        ) from error
    return folder / "history.md"


def _draw(folder: Path, found: Sequence[Group]) -> dict[str, str]:
    """Write the charts; return their files by the title of the group's table."""
    if not files.can_draw():
        return {}
    return {
        cases(group).title: files.written(folder, _picture(number, group)).file
        for number, group in enumerate(found, 1)
        if any(entry.timed for course in group.courses for entry in course.entries)
    }


def _picture(number: int, group: Group) -> Picture:
    workload = group.courses[0].case.workload
    return Picture(f"history-{number}-{workload}", group.title,
                   lambda: history_charts.over_runs(group.courses, cases(group).title))  # fmt: skip


def _page(found: Sequence[Track], said: Sequence[str], charts: Mapping[str, str]) -> str:
    parts = ["# Epoch times over several runs\n", *(f"{escape(each)}\n" for each in said)]
    for track in found:
        parts += [f"## {escape(title(track))}\n", _laid_out(runs(track))]
        for group in groups(track):
            table = cases(group)
            parts.append(f"### {escape(group.title)}\n")
            if file := charts.get(table.title):
                parts.append(f"![{escape(table.title)}]({file})\n\n{LEGEND}\n")
            parts.append(_laid_out(table))
    return "\n".join(parts)


def _laid_out(table: tables.Table) -> str:
    return markdown.table(table.headings, table.lines, numeric=table.numeric)
