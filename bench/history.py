"""Several runs in the order of their creation: what each case took, and what changed in between.

Nothing is judged here. A run's interval is over its own processes, an hour's luck is in all of
them: that two intervals of different nights part does not show that anything got slower.
"""

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from bench import moment, summary
from bench.error import UserError
from bench.machine import fingerprint
from bench.plan import distributions
from bench.result import Case, Environment, Record, Run
from bench.software import BELOW, changes, versions
from bench.summary import Row


@dataclass(frozen=True, slots=True)
class Origin:
    """Where times come from; those of different origins are never put into one line.

    machine: its id. digest: of the data's files. name, data: what people call the two.
    """

    machine: str
    digest: str
    name: str
    data: str


@dataclass(frozen=True, slots=True)
class Same:
    """What makes a case the same one in another run, its epochs and its code's version aside."""

    slug: str
    objective: str
    own: bool


@dataclass(frozen=True, slots=True)
class Past:
    """What one run measured at one origin.

    number: its place among all runs, from 1; 0 until all are known. folder: its name. created: UTC.
    rows: by case, those of a sweep's other sizes left out. software: versions by name. beneath: the
    same of what each case runs on.
    """

    number: int
    folder: str
    created: dt.datetime
    origin: Origin
    rows: Mapping[Same, Row]
    software: Mapping[str, str]
    beneath: Mapping[Same, Mapping[str, str]]


@dataclass(frozen=True, slots=True)
class Entry:
    """A case in one run.

    row: None where the run has none. ratio: how many times longer an epoch took than in the run
    before; None where either has no time. changed: what of all that the case runs on, since the run
    before; None where that has no such case.
    """

    past: Past
    row: Row | None
    ratio: float | None
    changed: tuple[str, ...] | None

    @property
    def timed(self) -> bool:
        """Tell whether there is a time, and nothing wrong in it."""
        return self.row is not None and self.row.ranked


@dataclass(frozen=True, slots=True)
class Course:
    """One case over all runs of an origin, the oldest first."""

    case: Case
    entries: tuple[Entry, ...]


@dataclass(frozen=True, slots=True)
class Track:
    """The runs of one origin, the oldest first, and its cases, as the newest run sorts them."""

    origin: Origin
    pasts: tuple[Past, ...]
    courses: tuple[Course, ...]


@dataclass(frozen=True, slots=True)
class Stored:
    """A run as it was read from its folder, whose name is ``folder``; faults: what is left out."""

    folder: str
    run: Run
    records: Sequence[Record]
    environments: Mapping[str, Environment]
    faults: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Kept:
    """What is kept of a run: not its records, which of many runs would fill the memory.

    run: its own name. empty: whether it has no record. pasts: not numbered yet. faults: what is
    left out of it, and why, a line each.
    """

    folder: str
    run: str
    created: dt.datetime
    empty: bool
    pasts: Sequence[Past]
    faults: Sequence[str]


def keep(one: Stored) -> Kept:
    """Derive all that is shown of a run; raises UserError."""
    return Kept(one.folder, one.run.run, _created(one), not one.records, _pasts(one), one.faults)


def tracks(kept: Iterable[Kept]) -> list[Track]:
    """Return a track for each origin, in the order of their first runs; raises UserError."""
    by_origin: defaultdict[tuple[str, str], list[Past]] = defaultdict(list)
    for number, one in enumerate(_sorted(kept), 1):
        for past in one.pasts:
            origin = past.origin.machine, past.origin.digest
            by_origin[origin].append(replace(past, number=number))
    return [Track(pasts[0].origin, tuple(pasts), _courses(pasts)) for pasts in by_origin.values()]


def _sorted(kept: Iterable[Kept]) -> list[Kept]:
    """Sort by creation; refuse a run that is there twice, which would be its own predecessor."""
    found = sorted(kept, key=lambda one: (one.created, one.folder))
    seen: dict[str, str] = {}
    for one in found:
        if one.run in seen:
            raise UserError(f"{seen[one.run]} and {one.folder} are one run; name it once")
        seen[one.run] = one.folder
    return found


def _created(one: Stored) -> dt.datetime:
    try:
        return moment.read(one.run.created)
    except UserError:
        raise UserError(
            f"{one.folder}/run.json: created {one.run.created!r:.40} is no time; leave this run out"
        ) from None


def _pasts(one: Stored) -> list[Past]:
    """Return what a run measured, apart by origin: it may have been resumed on another machine."""
    apart: defaultdict[Origin, list[Record]] = defaultdict(list)
    for record in one.records:
        if (environment := one.environments.get(record.environment)) is not None:
            apart[_origin(environment)].append(record)
    return [_past(one, origin, records) for origin, records in apart.items()]


def _past(one: Stored, origin: Origin, records: Sequence[Record]) -> Past:
    rows = [row for row in summary.rows(records, one.environments, one.run) if not row.swept]
    where: defaultdict[Same, dict[str, Environment]] = defaultdict(dict)
    for record in records:
        where[_same(record.case)][record.environment] = one.environments[record.environment]
    everywhere = {id_: each for found in where.values() for id_, each in found.items()}
    return Past(
        0, one.folder, _created(one), origin,
        rows={_same(row.case): row for row in rows},
        software=versions(everywhere.values()),
        beneath={
            _same(row.case): _beneath(row.case, where[_same(row.case)].values()) for row in rows
        },
    )  # fmt: skip


def _origin(environment: Environment) -> Origin:
    machine, data = environment.machine, environment.data
    return Origin(
        str(machine.get("id")), fingerprint([data.get("name"), data.get("sha256")]),
        str(machine.get("name")), str(data.get("name")),
    )  # fmt: skip


def _same(case: Case) -> Same:
    return Same(case.slug, case.objective, case.file is not None)


def _courses(pasts: Sequence[Past]) -> tuple[Course, ...]:
    newest = {same: row.case for past in pasts for same, row in past.rows.items()}
    order = dict.fromkeys(same for past in reversed(pasts) for same in past.rows)
    return tuple(Course(newest[same], _entries(same, pasts)) for same in order)


def _entries(same: Same, pasts: Sequence[Past]) -> tuple[Entry, ...]:
    befores = (None, *pasts)
    return tuple(_entry(same, before, past) for before, past in zip(befores, pasts, strict=False))


def _entry(same: Same, before: Past | None, past: Past) -> Entry:
    row, earlier = past.rows.get(same), before.rows.get(same) if before else None
    changed = None
    if before is not None and row is not None and earlier is not None:
        changed = tuple(changes(before.beneath[same], past.beneath[same]))
    return Entry(past, row, _ratio(earlier, row), changed)


def _ratio(before: Row | None, after: Row | None) -> float | None:
    if before is None or after is None or not (before.ranked and after.ranked):
        return None
    assert before.epoch is not None
    assert after.epoch is not None
    return after.epoch.mean / before.epoch.mean


def _beneath(case: Case, environments: Iterable[Environment]) -> dict[str, str]:
    """Return the versions of what a case runs on; of a file of one's own, also which it is."""
    names = {*BELOW, *(distributions(case) if case.framework else ())}
    found = {name: each for name, each in versions(environments).items() if name in names}
    return {**found, "file": case.sha256[:12]} if case.sha256 else found
